"""recordingsSearchToken: it pins what a search found to the moment of its first page.

It holds the newest interactionId of that moment, when it expires, and where its page ended, so that the
next page is read from there; sealed with a code over them, the user, and the filters and order, so that it
opens nothing else; and veiled, for the newest recording may be one that its reader may not see.
"""

import base64
import hmac
import struct
from dataclasses import dataclass
from typing import Any

import msgspec

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.plan import Place
from earwitness.kernel.clock import now_ms
from earwitness.kernel.errors import BadRequest, Fault
from earwitness.kernel.wire import canonical, plain
from earwitness.operations.signing_key import SigningKey

_LIFETIME_MS = 24 * 3_600_000
_PREFIX = "st_"
_CONTENT = struct.Struct(">QQQQ")
_CODE_BYTES = 16
_DEFAULTS = {"startTimeDirection": "DESC", "timeZone": "UTC"}


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a token holds."""

    newest_id: int
    expires_at: int
    place: Place | None = None


def pin(newest_id: int) -> Pinned:
    """Pin a search to this moment."""
    return Pinned(newest_id, now_ms() + _LIFETIME_MS)


def mint(
    signing_key: SigningKey, viewer: Viewer, wanted: RecordingSearch, pinned: Pinned, place: Place | None
) -> str:
    """Write a token for what was pinned before, and the place where its page ended."""
    passed, position = (place.passed, place.position) if place else (0, 0)
    content = _CONTENT.pack(pinned.newest_id, pinned.expires_at, passed, position)
    code = _code(signing_key, viewer, wanted, content)
    return _written(_veil(signing_key, code, content) + code)


def read(signing_key: SigningKey, viewer: Viewer, wanted: RecordingSearch, token: str) -> Pinned:
    """What a token holds.

    Raises BadRequest with the code `search-token` for one that is altered, expired, or of another search.
    """
    try:
        encoded = token.removeprefix(_PREFIX)
        sealed = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
        content = _veil(signing_key, sealed[_CONTENT.size :], sealed[: _CONTENT.size])
        newest_id, expires_at, passed, position = _CONTENT.unpack(content)
    except (ValueError, struct.error):
        raise _refused("not a search token") from None
    code = _code(signing_key, viewer, wanted, content)
    # Base 32 has bits to spare at the end: only one way of writing them is ours.
    if token != _written(sealed) or not hmac.compare_digest(code, sealed[_CONTENT.size :]):
        raise _refused("this token belongs to another search or user, or was altered")
    if expires_at < now_ms():
        raise _refused("this token has expired; start a new search")
    return Pinned(newest_id, expires_at, Place(passed, position) if passed else None)


def _veil(signing_key: SigningKey, code: bytes, content: bytes) -> bytes:
    """Hide the content behind bits that its code gives, or take them off again."""
    bits = signing_key.code("recordings-search-token-veil", code)
    return bytes(one ^ bit for one, bit in zip(content, bits, strict=False))


def _written(sealed: bytes) -> str:
    return _PREFIX + base64.b32encode(sealed).decode().rstrip("=")


def _code(signing_key: SigningKey, viewer: Viewer, wanted: RecordingSearch, content: bytes) -> bytes:
    search = msgspec.structs.replace(
        wanted,
        free_text=(wanted.free_text or "").strip(),
        page=None,
        page_size=None,
        recordings_search_token=None,
    )
    meant = canonical(_meant(msgspec.to_builtins(search, enc_hook=plain)))
    bound = struct.pack(">QQ", viewer.client_id, viewer.user_id) + meant + content
    return signing_key.code("recordings-search-token", bound)[:_CODE_BYTES]


def _meant(asked: Any) -> Any:
    """What filters mean, however they are written: without what constrains nothing, lists in one order.

    What is named twice is named once, and either of two sides may be the first.
    """
    match asked:
        case {"first": first, "second": second}:
            return sorted([_meant(first), _meant(second)], key=str)
        case dict():
            members = {name: _meant(member) for name, member in asked.items()}
            return {
                name: member
                for name, member in members.items()
                if member not in (None, "", [], {}, _DEFAULTS.get(name))
            }
        case list():
            return sorted({str(item): item for item in map(_meant, asked)}.values(), key=str)
        case float():
            return asked + 0.0  # −0.0 is 0.0
        case _:
            return asked


def _refused(message: str) -> BadRequest:
    return BadRequest.of(Fault("recordingsSearchToken", message), code="search-token")
