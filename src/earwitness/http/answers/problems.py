"""Answers errors as problems (RFC 9457). Unexpected ones are logged with the request's id, and not shown."""

import logging
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.exceptions.http_exceptions import RequestEntityTooLarge
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from earwitness.archive.database.errors import as_problem, cause_of, meaning_of
from earwitness.http.head_and_options import allowed
from earwitness.kernel.errors import Conflict, Problem
from earwitness.kernel.logs import request_id
from earwitness.kernel.system.os_errors import describe_errno, problem_of_os_error

log = logging.getLogger(__name__)

CODE, CAUSE = "problem_code", "problem_cause"
"""The keys of a request's state for the code and the cause of its problem, which the request log shows."""

_CODES = {404: "not-found", 405: "method-not-allowed", 413: "too-large", 400: "bad-request"}


def problem_body(problem: Problem, instance: str) -> dict[str, Any]:
    """The problem as it is sent. `type` is a URN made of the code: `urn:earwitness:problem:not-found`."""
    body: dict[str, Any] = {
        "type": f"urn:earwitness:problem:{problem.code}",
        "title": problem.title(),
        "status": int(problem.status),
        "detail": problem.detail,
        "instance": instance,
        "code": problem.code,
        **problem.extra,
    }
    if problem.faults:
        body["errors"] = [
            {"path": fault.path, "message": fault.message}
            | ({} if fault.position is None else {"position": fault.position})
            for fault in problem.faults
        ]
    return body


def on_problem(request: Request[Any, Any, Any], problem: Problem) -> Response[bytes]:
    if problem.counts or problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        request.app.state.installation.metrics.failures.labels(problem.code).inc()
    request.app.state.installation.refusals.note(problem.code)
    request.scope["state"] |= {CODE: problem.code, CAUSE: problem.cause}
    return _response(int(problem.status), problem_body(problem, request.url.path), problem.headers)


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[bytes]:
    status = HTTPStatus(error.status_code)
    detail = status.description or status.phrase
    if isinstance(error, RequestEntityTooLarge):
        detail = f"Expected a body of at most {request.route_handler.resolve_request_max_body_size()} bytes."
    code = _CODES.get(status, "internal-error" if status >= 500 else status.phrase.lower().replace(" ", "-"))
    body = {
        "type": f"urn:earwitness:problem:{code}",
        "title": status.phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.url.path,
        "code": code,
    }
    request.scope["state"][CODE] = code
    request.app.state.installation.refusals.note(code)
    headers = dict(error.headers or {})
    if "allow" in headers:
        headers["allow"] = allowed(headers["allow"].split(", "))
    return _response(status, body, headers)


def on_database_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """A database that is locked, gone or too busy: 503, to be tried again. A full disk: 507.

    Damage is 500, and so is a statement that the database refused, since that is a fault of the program.
    """
    if meaning_of(error) == "refused":
        return on_unexpected_error(request, error)
    return on_problem(request, as_problem(error))


def on_system_error(request: Request[Any, Any, Any], error: OSError) -> Response[bytes]:
    """A read-only folder, a failing disk, too many open files: 503. A full disk: 507."""
    problem = problem_of_os_error(error)
    return on_problem(request, problem) if problem else on_unexpected_error(request, error)


def on_unexpected_error(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    log.error(
        "a request failed with an unexpected %s: this is a fault of the program",
        type(error).__name__,
        exc_info=error,
    )  # the formatter leaves out its text
    cause = cause_of(error) if isinstance(error, DBAPIError) else ""
    if isinstance(error, OSError) and error.errno:
        cause = describe_errno(error.errno)
    detail = f"Unexpected server error; see request id {request_id.get()} in the log."
    return on_problem(request, Problem(detail, cause=cause))


def _response(status: int, body: dict[str, Any], headers: dict[str, str]) -> Response[bytes]:
    return Response(
        msgspec.json.encode(body), status_code=status, headers=headers, media_type="application/problem+json"
    )


def on_conflicting_change(request: Request[Any, Any, Any], error: IntegrityError) -> Response[bytes]:
    """Two changes at once that exclude each other: the database accepted the other one."""
    return on_problem(request, Conflict("Another change came first; read the current state and try again."))


HANDLERS: dict[Any, Any] = {
    Problem: on_problem,
    HTTPException: on_http_exception,
    IntegrityError: on_conflicting_change,
    DBAPIError: on_database_error,
    PoolTimeout: on_database_error,
    OSError: on_system_error,
    Exception: on_unexpected_error,
}
