"""Whether all texts are folded by this program's folding. Until then, searches read the rows themselves."""

from typing import Any

from sqlalchemy import Connection, select

from earwitness.archive.schema.folded import foldings
from earwitness.archive.substrings.folded import VERSION

_SETTLED = "earwitness_texts_are_folded"


def are_folded(connection: Connection, kind: str) -> bool:
    """Whether all texts of `people`, `endpoints` or `users` are folded."""
    schema = connection.get_execution_options().get("schema_translate_map", {}).get(None)
    settled: set[tuple[str | None, str]] = connection.info.setdefault(_SETTLED, set())
    if (schema, kind) in settled:  # only another program begins anew
        return True
    state = state_of(connection, kind)
    if state is None or state.version != VERSION or state.next_id is not None:
        return False
    settled.add((schema, kind))
    return True


def state_of(connection: Connection, kind: str) -> Any:
    """The row that says how far the texts of a kind are folded; None before the first batch of an upgrade."""
    return connection.execute(select(foldings).where(foldings.c.kind == kind)).one_or_none()
