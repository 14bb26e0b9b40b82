"""What a transaction changed besides what its action is about: a comment's tag, an endpoint's owner.

Who writes such a thing notes it here. Its row is written with the next rows of the ledger, under the header
of that action, so that nobody in between has to pass it on.
"""

from collections.abc import Iterable

from sqlalchemy import Connection

Named = tuple[str, int]
"""The kind of an entity, and its id."""

_TOUCHED = "earwitness_touched"


def touch(connection: Connection, entity_name: str, ids: Iterable[int]) -> None:
    """Note that these entities were added, changed or deleted. What is as before gets no row."""
    noted: dict[Named, None] = connection.info.setdefault(_TOUCHED, {})
    noted.update(dict.fromkeys((entity_name, id_) for id_ in ids))


def take_touched(connection: Connection) -> list[Named]:
    """Take out what was noted, in its order."""
    return list(connection.info.pop(_TOUCHED, ()))
