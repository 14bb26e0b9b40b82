"""Runs an operation in its transaction, and writes its rows in the ledger."""

import math
from dataclasses import replace
from typing import Any

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.database.time_limits import Allowance
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, AuditSubjects
from earwitness.kernel import deadlines
from earwitness.kernel.errors import OutOfDate, OutOfTime, Unavailable
from earwitness.operations.operations import Call, Operation

_TRIES = 5


def run(operation: Operation, call: Call, body: Any, *, response_code: int = 200) -> Any:
    """Run an operation in the transaction of its call. The rows of a change are written in the same one."""
    answer = operation.handle(call, body)
    if operation.writes:
        entries = [replace(entry, response_code=response_code) for entry in call.entries]
        if call.headers:
            ledger.append_under(call.connection, call.headers[0], entries)
        else:
            ledger.append(call.connection, call.action, entries)
    return answer


def read(operation: Operation, call: Call, body: Any, allowed: Allowance | None = None) -> Any:
    """Do what an operation does beforehand, and then run it in a read that begins after it."""
    if operation.beforehand is not None:
        operation.beforehand(call)
    with call.archive.read(allowed) as connection:
        return run(operation, replace(call, connection=connection), body)


def change(operation: Operation, call: Call, body: Any, *, response_code: int = 200) -> Any:
    """Run an operation that writes, in a transaction of its own, after it was prepared in a read.

    `body` may be a function that makes it of the call, in that transaction. If what was prepared is out of
    date by then, it is prepared again.
    """
    for _ in range(_TRIES):
        try:
            with call.archive.write() as connection:
                fresh = replace(call, connection=connection, entries=[], headers=[])
                made = body(fresh) if callable(body) else body
                answer = run(operation, fresh, made, response_code=response_code)
            break
        except OutOfDate:
            with call.archive.read(allowed()) as connection:
                call = operation.prepared(replace(call, connection=connection), body)
    else:
        raise Unavailable(
            "Others changed the same meanwhile, several times; try again.", headers={"Retry-After": "5"}
        )
    if operation.answer is None:
        return answer
    try:
        with call.archive.read(allowed()) as connection:
            return operation.answered(replace(call, connection=connection), body, answer)
    except OutOfTime:
        raise OutOfTime("The change was made; there was no time left to show what came of it.") from None


def allowed() -> Allowance | None:
    """How long a read may take in what is left of the call; None outside a call, which has no limit."""
    left = deadlines.seconds_left()
    return None if left == math.inf else Allowance(left)


def record_audit(
    operation: Operation, archive: Archive, action: Action, viewer: Viewer, sent: Any, response_code: int
) -> None:
    """Write the rows of an audited operation that changed nothing, or was refused. Others have none."""
    if audit := operation.audit:
        record_access(archive, action, viewer, audit.subjects(sent), response_code, audit.metadata(sent))


def record_access(
    archive: Archive,
    action: Action,
    viewer: Viewer,
    subjects: AuditSubjects,
    response_code: int,
    metadata: dict[str, object] | None = None,
) -> None:
    """Write a row in the ledger for each existing recording that a call named."""
    if subjects.interaction_ids or subjects.third_party_ids:
        with archive.write(locked=False) as connection:  # a read does not wait for writers
            ledger.append_access(connection, action, viewer, subjects, response_code, metadata)
