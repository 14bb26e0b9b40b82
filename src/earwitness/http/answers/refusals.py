"""Answers problems before a request is routed, or when it is no valid request."""

import msgspec
from litestar.types import HTTPScope, Send

from earwitness.http.answers.problems import problem_body
from earwitness.kernel.errors import Problem


def encoded(problem: Problem, path: str = "") -> tuple[list[tuple[bytes, bytes]], bytes]:
    """The headers and the body of a problem, as bytes."""
    body = msgspec.json.encode(problem_body(problem, path))
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", b"%d" % len(body))]
    headers += [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    return headers, body


async def refuse(problem: Problem, scope: HTTPScope, send: Send) -> None:
    """Answer a request with a problem."""
    headers, body = encoded(problem, scope["path"])
    await send({"type": "http.response.start", "status": int(problem.status), "headers": headers})
    is_head = scope["method"] == "HEAD"
    await send({"type": "http.response.body", "body": b"" if is_head else body, "more_body": False})
