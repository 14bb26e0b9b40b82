"""Wraps and unwraps the keys of recordings, with no key that is not the archive's own."""

import logging
from collections.abc import Callable

from earwitness.archive.identity.key_checks import BY_SERVICE, KeyChecks, KnownKey, differing
from earwitness.kernel.errors import Corrupt, NotFound, Problem
from earwitness.kernel.settings import Settings
from earwitness.media.keys.key_ring import (
    KeyInUse,
    KeyMissing,
    KeyRing,
    KeysUnusable,
    WrappedKey,
)
from earwitness.media.keys.kms import KeyEncryption, open_kms

log = logging.getLogger(__name__)

_KNOWN_TO_ALL = b"earwitness check value".ljust(32, b"\0")


class CheckedKeys:
    """Keys of a file or a setting (`KeyRing`), or of a key management service: see `KeyEncryption`."""

    def __init__(
        self,
        settings: Settings,
        checks: KeyChecks,
        is_store_ours: Callable[[], bool],
        *,
        create: bool = False,
    ) -> None:
        """`create` is as in `KeyRing.open`. Raises the errors of that, and Differs.

        `is_store_ours` is asked before anything is encrypted, until it answers yes. It may raise as well.
        """
        self._checks = checks
        self._is_store_ours = is_store_ours
        self._store_is_ours = False
        self._service: KeyEncryption | None = open_kms(settings) if settings.kms else None
        self._confirmed = set[str]()
        self._ring = (
            None
            if self._service
            else KeyRing.open(
                settings, create=create, accept=lambda keys: checks.compare(keys.check_values())
            )
        )
        if self._service:
            self._confirm_if_it_answers()

    @property
    def _keys(self) -> KeyEncryption:
        keys = self._ring or self._service
        assert keys is not None  # noqa: S101 - one of the two is made
        return keys

    @property
    def current(self) -> str:
        return self._keys.current

    @property
    def ids(self) -> list[str]:
        return self._keys.ids

    @property
    def ring(self) -> KeyRing | None:
        """The keys of a file or a setting; None where a service has them."""
        return self._ring

    def wrap(self, data_key: bytes, context: bytes) -> WrappedKey:
        self._store_is_ours = self._store_is_ours or self._is_store_ours()
        wrapped = self._keys.wrap(data_key, context)
        if self._service:
            self._confirm(wrapped.kek_id)
        self._checks.use(wrapped.kek_id)
        return wrapped

    def unwrap(self, wrapped: WrappedKey, context: bytes) -> bytes:
        try:
            return self._keys.unwrap(wrapped, context)
        except KeyMissing:
            self._note_missing(wrapped.kek_id)
            raise
        except Corrupt:
            if wrapped.kek_id in self._keys.ids:
                raise
            self._note_missing(wrapped.kek_id)
            raise KeyMissing(wrapped.kek_id) from None

    def rotate(self, agreed: Callable[[str], None] = lambda _: None) -> str:
        """Make a new current key. Returns its id; `agreed` is as in `KeyRing.rotate`."""
        return self._ring.rotate(agreed, self._checks.known()) if self._ring else self._keys.rotate()

    def retire(self, kek_id: str) -> None:
        """Remove a key that nothing needs. Its id is not used again. Raises what the keys raise."""
        self._keys.retire(kek_id)
        self._checks.release(kek_id)

    def forget(self, kek_id: str) -> None:
        """Forget a key that is not here, so that its id can name another key. Raises KeyInUse, NotFound."""
        if kek_id in self.ids:
            raise KeyInUse(f"{kek_id} is among the keys here: remove it first, from the setting or the file.")
        if not self._checks.forget(kek_id):
            raise NotFound(f"There is no key {kek_id}.")

    def compare(self) -> None:
        """Compare all keys as they are now. Raises Differs, and KeysUnusable if a service does not answer."""
        if self._ring:
            self._ring.compare()
            return
        try:
            self._keys.wrap(_KNOWN_TO_ALL, b"earwitness check")
        except Problem:
            raise KeysUnusable("the key management service does not answer") from None
        self._confirm_all()

    def _note_missing(self, kek_id: str) -> None:
        try:
            if kek_id in self._checks.known():  # an unknown id may itself be damaged
                self._checks.use(kek_id)
        except Problem as error:
            log.warning("the missing key %s cannot be noted in the directory: %s", kek_id, error.code)

    def _confirm_if_it_answers(self) -> None:
        try:
            self._confirm_all()
        except Problem as error:
            if error.status != 503 or error.code == "key-differs":
                raise
            log.warning("the keys of the key management service were not compared: %s", error.code)

    def _confirm_all(self) -> None:
        for kek_id in self._keys.ids:
            self._confirm(kek_id)

    def _confirm(self, kek_id: str) -> None:
        """Compare a key that is never shown: it has to open what the archive's key of that id encrypted."""
        if kek_id in self._confirmed:
            return
        known = self._checks.known().get(kek_id, KnownKey(None, in_use=False))
        context = f"earwitness check value {kek_id}".encode()
        if known.value and known.value.startswith(BY_SERVICE):
            self._open(kek_id, known, context)
        elif not known.value:
            wrapped = self._keys.wrap(_KNOWN_TO_ALL, context)
            if wrapped.kek_id != kek_id:  # only the current key encrypts
                return
            value = BY_SERVICE + wrapped.wrapped.hex()
            self._checks.note({kek_id: value})
            self._open(kek_id, self._checks.known()[kek_id], context)
        self._confirmed.add(kek_id)

    def _open(self, kek_id: str, known: KnownKey, context: bytes) -> None:
        wrapped = bytes.fromhex((known.value or "").removeprefix(BY_SERVICE))
        try:
            is_same = self._keys.unwrap(WrappedKey(kek_id, wrapped), context) == _KNOWN_TO_ALL
        except Corrupt:
            is_same = False
        if not is_same:
            raise differing(kek_id, known)
