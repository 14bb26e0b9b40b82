"""How much sound of an account was transcribed, and how long that took, on all machines together."""

from dataclasses import dataclass

from sqlalchemy import Connection, select

from earwitness.archive.schema.dialects import insert_into
from earwitness.archive.schema.people import counters

_HEARD, _TOOK = "transcribed_ms", "transcribing_ms"


@dataclass(frozen=True, slots=True)
class Transcribed:
    """How much sound engines have transcribed, each channel counted, and how long that took them."""

    heard_ms: int = 0
    took_ms: int = 0

    def __add__(self, other: "Transcribed") -> "Transcribed":
        return Transcribed(self.heard_ms + other.heard_ms, self.took_ms + other.took_ms)


def add_transcribed(connection: Connection, one: Transcribed) -> None:
    added = insert_into(counters, connection.dialect.name)
    connection.execute(
        added.on_conflict_do_update(
            index_elements=["name"], set_={"value": counters.c.value + added.excluded.value}
        ),
        [{"name": _HEARD, "value": one.heard_ms}, {"name": _TOOK, "value": one.took_ms}],
    )


def transcribed(connection: Connection) -> Transcribed:
    rows = connection.execute(select(counters).where(counters.c.name.in_((_HEARD, _TOOK))))
    found = {row.name: row.value for row in rows}
    return Transcribed(found.get(_HEARD, 0), found.get(_TOOK, 0))
