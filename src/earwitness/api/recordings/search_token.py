"""recordingsSearchToken: it keeps a search at the moment of its first page.

It holds the newest interactionId of that moment, when it expires, and where its page ended, so that the next
page is read from there. It is encrypted, since its reader may not be allowed to see the newest recording, and
authenticated together with the user, the filters and the order (AES-SIV, RFC 5297), so that it is good for no
other search.
"""

import base64
import hmac
import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

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
_TAG_BYTES = 16
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
    signing_key: SigningKey, viewer: Viewer, asked: RecordingSearch, pinned: Pinned, place: Place | None
) -> str:
    """Write a token for a moment that was pinned before, and for the place where this page ended."""
    passed, position = (place.passed, place.position) if place else (0, 0)
    content = _CONTENT.pack(pinned.newest_id, pinned.expires_at, passed, position)
    return _written(_cipher(signing_key).encrypt(content, [_context(viewer, asked)]))


def read(signing_key: SigningKey, viewer: Viewer, asked: RecordingSearch, token: str) -> Pinned:
    """What a token holds.

    Raises BadRequest with the code `search-token` for one that is altered, expired, or of another search.
    """
    encoded = token.removeprefix(_PREFIX)
    try:
        encrypted = base64.b32decode(encoded + "=" * (-len(encoded) % 8))
    except ValueError:
        encrypted = b""
    if len(encrypted) != _TAG_BYTES + _CONTENT.size:
        raise _refused("not a search token")
    # The last character has unused bits. A token with other bits there was altered.
    content = (
        _decrypted(signing_key, _context(viewer, asked), encrypted) if token == _written(encrypted) else None
    )
    if content is None:
        raise _refused("this token belongs to another search or user, or was altered")
    newest_id, expires_at, passed, position = _CONTENT.unpack(content)
    if expires_at < now_ms():
        raise _refused("this token has expired; start a new search")
    return Pinned(newest_id, expires_at, Place(passed, position) if passed else None)


@lru_cache(maxsize=16)  # an installation has one; to make it takes longer than to use it
def _cipher(signing_key: SigningKey) -> AESSIV:
    return AESSIV(signing_key.code("recordings-search-token-key", b""))


def _decrypted(signing_key: SigningKey, context: bytes, encrypted: bytes) -> bytes | None:
    try:
        return _cipher(signing_key).decrypt(encrypted, [context])
    except InvalidTag:
        return _of_earlier_form(signing_key, context, encrypted)


def _of_earlier_form(signing_key: SigningKey, context: bytes, token: bytes) -> bytes | None:
    """Read a token as it was made before AES-SIV: it may be in use for a day after an upgrade."""
    hidden, code = token[: _CONTENT.size], token[_CONTENT.size :]
    bits = signing_key.code("recordings-search-token-veil", code)
    content = bytes(one ^ bit for one, bit in zip(hidden, bits, strict=True))
    expected = signing_key.code("recordings-search-token", context + content)[: len(code)]
    return content if hmac.compare_digest(expected, code) else None


def _written(encrypted: bytes) -> str:
    return _PREFIX + base64.b32encode(encrypted).decode().rstrip("=")


def _context(viewer: Viewer, asked: RecordingSearch) -> bytes:
    """The user and the search that a token belongs to."""
    search = msgspec.structs.replace(
        asked,
        free_text=(asked.free_text or "").strip(),
        page=None,
        page_size=None,
        recordings_search_token=None,
    )
    meaning = canonical(_meaning(msgspec.to_builtins(search, enc_hook=plain)))
    return struct.pack(">QQ", viewer.client_id, viewer.user_id) + meaning


def _meaning(asked: Any) -> Any:
    """Filters in one form, however they are written.

    Filters without effect are left out. Lists, and the two sides, are sorted and have no duplicates.
    """
    match asked:
        case {"first": first, "second": second}:
            return sorted([_meaning(first), _meaning(second)], key=str)
        case dict():
            members = {name: _meaning(member) for name, member in asked.items()}
            return {
                name: member
                for name, member in members.items()
                if member not in (None, "", [], {}, _DEFAULTS.get(name))
            }
        case list():
            return sorted({str(item): item for item in map(_meaning, asked)}.values(), key=str)
        case float():
            return asked + 0.0  # −0.0 is 0.0
        case _:
            return asked


def _refused(message: str) -> BadRequest:
    return BadRequest.of(Fault("recordingsSearchToken", message), code="search-token")
