"""The problems that a request can be answered with.

    Problem                    any answer that is not a success (RFC 9457)
    ├── BadRequest        400  what was sent is not valid; names the fields
    ├── Unauthenticated   401  not signed in, or no longer
    ├── Forbidden         403  signed in, and not allowed
    ├── NotFound          404  does not exist, or this user may not see it
    ├── TooSlow           408  the request did not arrive in time
    ├── Conflict          409  conflicts with the current state
    ├── Gone              410  what it would go on from cannot be gone on from any more
    ├── TooLarge          413
    ├── UnsupportedMedia  415
    ├── RangeUnsatisfiable 416
    ├── Misdirected       421  meant for another host
    ├── Unprocessable     422  understood, but not possible with this recording
    ├── TooManyRequests   429
    ├── HeadTooLarge      431
    ├── ClientLeft        499  the client closed the connection before the answer
    ├── Corrupt           500  stored media is damaged
    ├── DatabaseDamaged   500  the database is damaged; trying again does not help
    ├── Unavailable       503  try again later
    ├── OutOfTime         503  the answer took longer than allowed
    └── StorageFull       507

The docstring of each is its title. A detail is written for the person who reads it: it never holds
SQL, a path of the host, a secret, or what was said in a recording.
"""

from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in what was sent.

    `path` names the field, such as `endpoints[0].type`; it is empty for the whole body.
    `position` is the index of a character, in texts that are parsed.
    """

    path: str
    message: str
    position: int | None = None

    def __str__(self) -> str:
        said = f"{self.path}: {self.message}" if self.path else self.message
        return said if self.position is None else f"{said}, at position {self.position}"


class Problem(Exception):
    """The request could not be answered."""

    status: ClassVar[int] = HTTPStatus.INTERNAL_SERVER_ERROR
    default_code: ClassVar[str] = "internal-error"
    counts: ClassVar[bool] = False
    """Whether operators see it among the failures, as they see all of 500 and more."""

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        faults: tuple[Fault, ...] = (),
        headers: dict[str, str] | None = None,
        extra: dict[str, object] | None = None,
        cause: str = "",
    ) -> None:
        """`cause` is for operators, in logs and commands: the code and the message of what failed."""
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.default_code
        self.faults = faults
        self.headers = headers or {}
        self.extra = extra or {}
        self.cause = cause

    @property
    def with_cause(self) -> str:
        """The detail and the cause, for an operator."""
        return f"{self.detail} ({self.cause})" if self.cause else self.detail

    @classmethod
    def title(cls) -> str:
        return (cls.__doc__ or "").strip().splitlines()[0].rstrip(".")


class BadRequest(Problem):
    """Invalid request."""

    status = HTTPStatus.BAD_REQUEST
    default_code = "bad-request"

    @classmethod
    def of(cls, *faults: Fault, code: str | None = None) -> "BadRequest":
        """Make one whose detail lists its faults."""
        return cls("; ".join(map(str, faults)), code=code, faults=faults)


class Unauthenticated(Problem):
    """Authentication required."""

    status = HTTPStatus.UNAUTHORIZED
    default_code = "unauthorized"


class Forbidden(Problem):
    """Not allowed."""

    status = HTTPStatus.FORBIDDEN
    default_code = "forbidden"


class NotFound(Problem):
    """Not found."""

    status = HTTPStatus.NOT_FOUND
    default_code = "not-found"


class TooSlow(Problem):
    """Request took too long."""

    status = HTTPStatus.REQUEST_TIMEOUT
    default_code = "too-slow"


class Conflict(Problem):
    """Conflict with the current state."""

    status = HTTPStatus.CONFLICT
    default_code = "conflict"


class Gone(Problem):
    """No longer available."""

    status = HTTPStatus.GONE
    default_code = "gone"


class TooLarge(Problem):
    """Request too large."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    default_code = "too-large"


class UnsupportedMedia(Problem):
    """Unsupported content type."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    default_code = "unsupported-media-type"


class RangeUnsatisfiable(Problem):
    """Range not satisfiable."""

    status = HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
    default_code = "range-not-satisfiable"


class Misdirected(Problem):
    """Another host."""

    status = HTTPStatus.MISDIRECTED_REQUEST
    default_code = "misdirected"


class Unprocessable(Problem):
    """Not available for this recording."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    default_code = "unprocessable"


class TooManyRequests(Problem):
    """Too many attempts."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    default_code = "too-many-requests"


class HeadTooLarge(Problem):
    """Request headers too large."""

    status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
    default_code = "head-too-large"


class ClientLeft(Problem):
    """Client closed the connection."""

    status = 499  # as nginx logs it; no standard has a number, since nobody gets this answer
    default_code = "client-left"


class Corrupt(Problem):
    """Stored media is damaged."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    default_code = "media-corrupt"


class DatabaseDamaged(Problem):
    """The database is damaged."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    default_code = "database-damaged"


class Unavailable(Problem):
    """Temporarily unavailable."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "unavailable"


class OutOfTime(Problem):
    """Time limit exceeded."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    default_code = "out-of-time"


class StorageFull(Problem):
    """Storage full."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    default_code = "storage-full"


class OutOfDate(Exception):
    """What a change was prepared with, in a read, is not so any more. It is prepared again."""
