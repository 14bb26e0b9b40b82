"""Runs an operation in its transaction, and writes its rows in the ledger."""

from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.ledger import ledger
from earwitness.archive.ledger.ledger import Action, AuditSubjects
from earwitness.operations.operations import Call, Operation


def transaction(operation: Operation, archive: Archive) -> AbstractContextManager[Connection]:
    """Begin the transaction that an operation runs in. It commits when the block ends without an error."""
    return archive.write() if operation.writes else archive.read()


def run(operation: Operation, call: Call, body: Any, *, response_code: int = 200) -> Any:
    """Run an operation in the transaction of its call. The rows of a change are written in the same one."""
    answer = operation.handle(call, body)
    if operation.writes:
        entries = [replace(entry, response_code=response_code) for entry in call.entries]
        ledger.append(call.connection, call.action, entries)
    return answer


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
