"""Finds what was acknowledged and is not in the database, and raises an alarm until it is there again.

    ingest:  `note` in the transaction → commit → `give` → the answer is sent
    opening: `compare` → what is missing is written to a file beside the receipts, which is the alarm

The alarm ends when the sources send the recordings again, or an operator accepts the loss. No id is given
twice: where the database lost its last recordings, the next id lies beyond all that were acknowledged.
"""

import fcntl
import logging
from collections.abc import Iterator, Sequence, Set
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, Engine, func, select, update

from earwitness.archive.database.in_list import among
from earwitness.archive.database.transactions import reading, writing
from earwitness.archive.receipts.written import Mark, Part, Receipt, Receipts, receipts_of
from earwitness.archive.schema.people import counters
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.vault import media_objects
from earwitness.archive.schema.work import audit_rows
from earwitness.kernel.clock import now_ms
from earwitness.kernel.settings import Settings
from earwitness.media.stores.durable import write_file

log = logging.getLogger(__name__)

_NOTED = "earwitness_receipts"
_BATCH = 500
_NAMED_IN_LOG = 100
_MISSING, _ACCEPTED = "missing", "accepted"
OTHERS_IN_FLIGHT = 10_000
"""After a loss, ids go on so far beyond the newest that this machine knows: others may have given more."""


def note(connection: Connection, part: Part, named: Sequence[tuple[int, str]]) -> None:
    """Note what this transaction adds, by interactionId and thirdPartyId, for a receipt after the commit."""
    now = now_ms()
    noted: list[Receipt] = connection.info.setdefault(_NOTED, [])
    noted += [Receipt(interaction_id, name, part, now) for interaction_id, name in named]


def take_noted(connection: Connection) -> list[Receipt]:
    """Take out what was noted in this transaction, or in an earlier one that rolled back."""
    noted: list[Receipt] = connection.info.pop(_NOTED, [])
    return noted


def give(engine: Engine, client_id: int, receipts: Receipts, given: Sequence[Receipt]) -> None:
    """Write receipts for what is committed, and end the alarm for it, if there was one. Raises nothing."""
    if not given:
        return
    try:
        is_long = receipts.add(given)
        if is_long:
            receipts.turn_over(lambda: _is_on_disk(engine))
        if receipts.is_ahead:
            receipts.is_ahead = False
            compare(engine, client_id, receipts, whole=True)
        if alarm(receipts):
            settle(engine, receipts, {one.third_party_id for one in given})
    except Exception as error:  # the recordings are committed, so they are acknowledged all the same
        log.error(
            "account %s: receipts cannot be written, so a loss of what comes now would not be noticed: %s",
            client_id,
            _why(error),
        )


def stay_ahead(connection: Connection, receipts: Receipts) -> None:
    """Raise the counter of ids if it lies behind what was acknowledged. The account has to be locked."""
    newest = receipts.newest()
    if (_counter(connection) or 0) < newest:
        receipts.is_ahead = True
        _raise_counter(connection, newest)


def compare(engine: Engine, client_id: int, receipts: Receipts, *, whole: bool = False) -> int:
    """Compare the receipts with the database: those since the last time, or all.

    Raises an alarm for what is missing. Answers how many lines could not be read. Raises OSError, and what
    the database raises.
    """
    if not receipts.folder.is_dir():
        return 0
    newest = receipts.newest()
    with reading(engine) as connection:
        went_back = (_counter(connection) or 0) < newest
        timeline_now = timeline(connection)
    mark = receipts.mark()
    read, reached = receipts.read(whole=whole or went_back or timeline_now != mark.timeline)
    reached = Mark(reached.inode, reached.size_bytes, timeline_now)
    missing: list[Receipt] = []
    for some in _batches(read.receipts):
        with reading(engine) as connection:
            missing += missing_among(connection, some)
    if went_back:
        with writing(engine) as connection:
            _raise_counter(connection, newest)
    if missing:
        _raise_alarm(client_id, receipts, missing)
    elif whole:
        _change(receipts)  # replaces a damaged alarm, also if nothing is missing any more
    if read.damaged:
        log.warning("account %s: %s lines of receipts are torn or damaged", client_id, read.damaged)
    if reached != mark and _is_on_disk(engine):
        receipts.set_mark(reached)
    return read.damaged


def compare_if_possible(engine: Engine, client_id: int, receipts: Receipts) -> None:
    """The same, but if the database does not answer, leave it to the next start."""
    try:
        compare(engine, client_id, receipts)
    except Exception as error:
        log.warning("account %s: receipts were not compared: %s", client_id, _why(error))


def alarm(receipts: Receipts) -> list[Receipt]:
    """What is known to be missing, oldest first."""
    return _listed(receipts, _MISSING)


def count_missing(settings: Settings, client_id: int) -> int:
    """How much of an account is known to be missing, as this machine knows. No database is asked."""
    return len(alarm(receipts_of(settings, client_id)))


def settle(engine: Engine, receipts: Receipts, third_party_ids: set[str] | None = None) -> list[Receipt]:
    """Remove from the alarm what is in the database by now, of these or of all. Answers what is left."""
    if not (known := alarm(receipts)):
        return []
    asked = [one for one in known if third_party_ids is None or one.third_party_id in third_party_ids]
    still: list[Receipt] = []
    for some in _batches(asked):
        with reading(engine) as connection:
            still += missing_among(connection, some)
    return _change(receipts, without=set(asked) - set(still))


def accept(receipts: Receipts) -> list[Receipt]:
    """End the alarm for good, because an operator accepts the loss. Answers what was missing."""
    if not (missing := alarm(receipts)):
        return []
    with receipts.locked(fcntl.LOCK_EX):
        accepted = [*_listed(receipts, _ACCEPTED), *missing]
        write_file(receipts.folder / _ACCEPTED, msgspec.json.encode(accepted))
    _change(receipts, without=set(missing))
    return missing


def missing_among(connection: Connection, given: Sequence[Receipt]) -> list[Receipt]:
    """Those of the given that the database lacks, unless they were destroyed on purpose.

    A recording that the ledger knows was destroyed: its row in the ledger was committed together with it, and
    outlives it.
    """
    names = [one.third_party_id for one in given]
    at: dict[str, int] = dict(
        connection.execute(
            select(recordings.c.third_party_id, recordings.c.position).where(
                among(recordings.c.third_party_id, names)
            )
        ).all()
    )
    lost = [one for one in given if one.third_party_id not in at]
    destroyed = _destroyed(connection, [one.interaction_id for one in lost]) if lost else set()
    has: dict[Part, set[int]] = {"recording": set(at.values())}
    for part, asked in _HAVING.items():
        if late := [at[one.third_party_id] for one in given if one.part == part and one.third_party_id in at]:
            has[part] = set(connection.scalars(asked.where(among(asked.selected_columns[0], late))))
    gone = [one for one in lost if one.interaction_id not in destroyed]
    without = [one for one in given if (place := at.get(one.third_party_id)) and place not in has[one.part]]
    return sorted(gone + without, key=lambda one: one.interaction_id)


_HAVING: dict[Part, Any] = {
    "media": select(media_objects.c.position).where(media_objects.c.kind == "raw"),
    "transcript": select(transcripts.c.position),
}


def _destroyed(connection: Connection, interaction_ids: Sequence[int]) -> set[int]:
    """The ids that the ledger knows, and that no recording has now."""
    known = connection.scalars(
        select(audit_rows.c.parent_entity_id)
        .where(
            audit_rows.c.parent_entity_name == "Recording",
            among(audit_rows.c.parent_entity_id, interaction_ids),
        )
        .distinct()
    ).all()
    of_others = connection.scalars(
        select(recordings.c.interaction_id).where(among(recordings.c.interaction_id, known))
    )
    return set(known) - set(of_others)


def _listed(receipts: Receipts, name: str) -> list[Receipt]:
    try:
        return _decode((receipts.folder / name).read_bytes())
    except FileNotFoundError:
        return []
    except (OSError, msgspec.DecodeError):
        log.error("%s is damaged: `earwitness verify` compares all receipts anew", receipts.folder / name)
        return []


def _raise_alarm(client_id: int, receipts: Receipts, missing: Sequence[Receipt]) -> None:
    known = {*alarm(receipts), *_listed(receipts, _ACCEPTED)}
    new = [one for one in missing if one not in known]
    if not new:
        return
    _change(receipts, also=new)
    named = ", ".join(str(one.interaction_id) for one in new[:_NAMED_IN_LOG])
    more = f" and {len(new) - _NAMED_IN_LOG} more" if len(new) > _NAMED_IN_LOG else ""
    log.error(
        "account %s: the database lacks %s that were acknowledged, of interactionId %s%s. Their sources have "
        "to send them again: `earwitness verify %s` names their thirdPartyIds",
        client_id,
        len(new),
        named,
        more,
        client_id,
    )


def _change(
    receipts: Receipts, also: Sequence[Receipt] = (), without: Set[Receipt] = frozenset()
) -> list[Receipt]:
    with receipts.locked(fcntl.LOCK_EX):
        left = [one for one in dict.fromkeys([*alarm(receipts), *also]) if one not in without]
        path = receipts.folder / _MISSING
        if left:
            write_file(path, msgspec.json.encode(left))
        else:
            path.unlink(missing_ok=True)
    return left


def _batches(given: Sequence[Receipt]) -> Iterator[Sequence[Receipt]]:
    for start in range(0, len(given), _BATCH):
        yield given[start : start + _BATCH]


def _counter(connection: Connection) -> int | None:
    return connection.scalar(select(counters.c.value).where(counters.c.name == "interaction"))


def _raise_counter(connection: Connection, newest: int) -> None:
    is_behind = (counters.c.name == "interaction", counters.c.value < newest)
    others = 0 if connection.dialect.name == "sqlite" else OTHERS_IN_FLIGHT
    connection.execute(update(counters).where(*is_behind).values(value=newest + others))


def timeline(connection: Connection) -> int:
    """A number that tells this database from another in its place; 0 if it is not known.

    For PostgreSQL it is the timeline, with which the names of its logs begin; for SQLite the file's inode.
    """
    if connection.dialect.name == "sqlite":
        return timeline_of_file(Path(connection.engine.url.database or ""))
    if connection.scalar(select(func.pg_is_in_recovery())):
        return 0
    name: str = connection.scalar(select(func.pg_walfile_name(func.pg_current_wal_lsn()))) or "0"
    return int(name[:8], 16)


def timeline_of_file(file: Path) -> int:
    try:
        return file.stat().st_ino
    except OSError:
        return 0


def _is_on_disk(engine: Engine) -> bool:
    """Whether all commits are in the database's own file, so that a torn log cannot lose them."""
    if engine.dialect.name != "sqlite":
        return True
    with closing(engine.raw_connection()) as connection:  # SQLite refuses it in a transaction
        busy, written, moved = connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
    return not busy and written == moved


def _why(error: Exception) -> str:
    return error.strerror or "" if isinstance(error, OSError) else type(error).__name__


_decode = msgspec.json.Decoder(list[Receipt]).decode
