"""Key-encryption keys, compared with the check values that the directory keeps.

A key's check value is noted when the key is first loaded, so that one id never names two keys. A key is noted
as needed when it first encrypts, until a rotation leaves no recording that needs it.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine, delete, select, update
from sqlalchemy.exc import SQLAlchemyError

from earwitness.archive.database.errors import as_problem
from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.identity.records import insert_new
from earwitness.archive.schema.directory import known_keys
from earwitness.kernel.clock import now_ms
from earwitness.media.differing import Differs

BY_SERVICE = "wrapped:"
"""The beginning of the check value of a service's key, which only that service can compare."""

_keys = known_keys.c


@dataclass(frozen=True, slots=True)
class KnownKey:
    """A key that was once loaded, or is needed: its check value, if known, and whether it is in use."""

    value: str | None
    in_use: bool


class KeyChecks:
    """The check values of one archive. Errors of the database are raised as Problems."""

    def __init__(self, directory: Engine) -> None:
        self._directory = directory
        self._used = set[str]()

    def known(self) -> dict[str, KnownKey]:
        with _as_problems(), reading(self._directory) as connection:
            return {
                row.kek_id: KnownKey(row.value, row.in_use) for row in connection.execute(select(known_keys))
            }

    def compare(self, values: Mapping[str, str]) -> None:
        """Compare the keys of this server, and note those that are new. Raises Differs."""
        known = self.known()
        if new := {one: value for one, value in values.items() if one not in known or not known[one].value}:
            self.note(new)
            known = self.known()  # another server may have noted its own keys at the same time
        for kek_id, value in sorted(values.items()):
            kept = known[kek_id].value or ""
            if kept != value and not kept.startswith(BY_SERVICE):
                raise differing(kek_id, known[kek_id])

    def use(self, kek_id: str) -> None:
        """Note that recordings are encrypted with a key, before the first one is."""
        if kek_id not in self._used:
            self.need([kek_id])
            self._used.add(kek_id)

    def need(self, kek_ids: Collection[str]) -> None:
        """Note that recordings need these keys."""
        known = self.known()
        if not (new := [one for one in kek_ids if one not in known or not known[one].in_use]):
            return
        with _as_problems(), writing(self._directory) as connection:
            for kek_id in new:
                row = {"kek_id": kek_id, "in_use": True, "noted_at": now_ms()}
                connection.execute(insert_new(self._directory, known_keys).values(row))
            connection.execute(update(known_keys).where(_keys.kek_id.in_(new)).values(in_use=True))

    def need_only(self, kek_ids: Collection[str]) -> None:
        """Note which keys recordings need, after all accounts were looked into; the others stay known."""
        self.need(kek_ids)
        self._used.intersection_update(kek_ids)
        with _as_problems(), writing(self._directory) as connection:
            unneeded = _keys.kek_id.not_in(kek_ids)
            connection.execute(delete(known_keys).where(unneeded, _keys.value.is_(None)))
            connection.execute(update(known_keys).where(unneeded, _keys.in_use).values(in_use=False))

    def release(self, kek_id: str) -> None:
        """Note that no recording needs a key any more, and that none will."""
        self._used.discard(kek_id)
        with _as_problems(), writing(self._directory) as connection:
            connection.execute(update(known_keys).where(_keys.kek_id == kek_id).values(in_use=False))

    def forget(self, kek_id: str) -> bool:
        """Forget a key that is gone. Returns whether it was known. Its id can then name another key."""
        self._used.discard(kek_id)
        with _as_problems(), writing(self._directory) as connection:
            return connection.execute(delete(known_keys).where(_keys.kek_id == kek_id)).rowcount > 0

    def doubt(self, kek_id: str) -> KnownKey:
        """Remove the check value of a key that turned out to be another one. Returns what was known of it."""
        known = self.known()[kek_id]
        with _as_problems(), writing(self._directory) as connection:
            connection.execute(update(known_keys).where(_keys.kek_id == kek_id).values(value=None))
        return known

    def needed(self) -> list[str]:
        """The ids of the keys that recordings need."""
        return sorted(kek_id for kek_id, key in self.known().items() if key.in_use)

    def note(self, values: Mapping[str, str]) -> None:
        """Note the check values of keys that have none yet."""
        with _as_problems(), writing(self._directory) as connection:
            for kek_id, value in values.items():
                row = {"kek_id": kek_id, "value": value, "noted_at": now_ms()}
                connection.execute(insert_new(self._directory, known_keys).values(row))
                without = (_keys.kek_id == kek_id, _keys.value.is_(None))
                connection.execute(update(known_keys).where(*without).values(value=value))


def differing(kek_id: str, known: KnownKey) -> Differs:
    sentence = f"The key {kek_id} of this server is not the key of that id that the archive uses."
    remedy = "Bring back the file of keys, or the setting, that the other servers or the backup have."
    if not known.in_use:
        remedy += (
            " If it is the right key, and another was given by mistake before, `earwitness key retire "
            f"{kek_id} --forget`, run without this key, makes the archive forget the other: no recording "
            "needs it."
        )
    return Differs("key", sentence, remedy)


@contextmanager
def _as_problems() -> Iterator[None]:
    """For callers that know nothing of databases, such as the code that encrypts media."""
    try:
        yield
    except SQLAlchemyError as error:
        raise as_problem(error) from error
