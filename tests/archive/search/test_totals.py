"""Totals that are summed from counts are those of the recordings, whatever was added, changed or removed."""

import json
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, func, select, true, update

from earwitness.archive.access.viewer import PolicyConditions, Viewer
from earwitness.archive.access.visibility import visible_to
from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.integrity.counts import check_counts
from earwitness.archive.recordings.counts import recount, start_of
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import search
from earwitness.cli.operator import action
from earwitness.ingest.files.folders import Folder
from earwitness.ingest.sources.manifest import ManifestLine, import_lines, read_line
from earwitness.kernel.clock import MS_PER_DAY, format_ms, parse_ms
from earwitness.kernel.rights import Right
from earwitness.kernel.wire import convert
from tests.firm import CLIENT_ID, Firm, call, endpoint

SEES_ALL = Viewer(CLIENT_ID, 1, "all", "all", None, frozenset(Right), (), "")
STANDARD = Viewer(CLIENT_ID, 2, "jane", "jane", None, frozenset({Right.RECORDING_VIEW}), (), "")
BY_TYPE = Viewer(
    CLIENT_ID, 3, "type", "type", None, frozenset(Right), (PolicyConditions(communication_types=["fax"]),), ""
)

FIRST = parse_ms("2026-05-12")
# Beside the ends of days, and of the spans of 32 and 1,024 days that these are in.
EDGES = sorted(
    {start_of(days, FIRST) + more * days * MS_PER_DAY for days in (1, 32, 1024) for more in (-1, 0, 1, 2)}
)
moments = st.builds(
    lambda edge, more: edge + more,
    st.sampled_from(EDGES),
    st.sampled_from([-MS_PER_DAY, -3_600_000, -1, 0, 1, 5 * 3_600_000, MS_PER_DAY - 1]),
)
kinds = st.fixed_dictionaries(
    {
        "type": st.sampled_from(["phone", "fax", "teams"]),
        "direction": st.sampled_from(["In", "Out"]),
        "isPrivate": st.booleans(),
    }
)
added = st.lists(st.tuples(moments, kinds, st.sampled_from(["", "jane"])), min_size=1, max_size=12)
changes = st.lists(
    st.tuples(st.integers(0, 1000), st.sampled_from(["remove", "privacy", "type", "direction"])), max_size=4
)
windows = st.fixed_dictionaries({}, optional={"from": moments, "to": moments}).filter(
    lambda window: window.get("from", 0) <= window.get("to", window.get("from", 0))
)
wanted = st.fixed_dictionaries(
    {"dateTimeRange": windows},
    optional={
        "communicationTypes": st.sampled_from(
            [{"include": ["phone"]}, {"include": ["phone", "fax"]}, {"exclude": ["fax"]}]
        ),
        "direction": st.sampled_from(["In", "Out"]),
        "isPrivate": st.booleans(),
        "durationRangeInSeconds": st.just({"min": 0}),  # nothing is counted by this
    },
)


@pytest.mark.usefixtures("however_many")
@given(added=added, changed=changes, wanted=st.lists(wanted, min_size=8, max_size=12))
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_totals_are_those_of_the_recordings(
    firm: Firm, added: list[Any], changed: list[tuple[int, str]], wanted: list[dict[str, Any]]
) -> None:
    """The archive grows and shrinks from example to example."""
    archive = firm.archive
    _add(archive, added)
    _change(archive, changed)
    assert list(check_counts(archive)) == []
    with archive.read() as connection:
        for one in wanted:
            for viewer in (SEES_ALL, STANDARD, BY_TYPE):
                found = search(connection, _request(one), viewer)
                assert found.total == _counted(connection, one, viewer), one


def _add(archive: Archive, added: list[Any]) -> None:
    with archive.read() as connection:
        there = connection.scalar(select(func.max(recordings.c.interaction_id))) or 0
    calls = [
        call(
            thirdPartyId=f"call-{number}",
            startDatetimeUTC=format_ms(moment),
            endDatetimeUTC=format_ms(moment + 1000),
            endpoints=[endpoint("447896423595", subject=True) | {"user": user}],
            **kind,
        )
        for number, (moment, kind, user) in enumerate(added, start=there)
    ]
    lines = [read_line(json.dumps(one).encode()) for one in calls]
    import_lines(archive, lines, Folder(Path("/")), action("test", "Add"))


def _change(archive: Archive, changed: list[tuple[int, str]]) -> None:
    for chosen, change in changed:
        with archive.write() as connection:
            rows = connection.execute(select(recordings).order_by(recordings.c.position)).all()
            if not rows:
                return
            row = rows[chosen % len(rows)]
            this = recordings.c.position == row.position
            values: dict[str, dict[str, Any]] = {
                "privacy": {"is_private": not row.is_private},
                "type": {"type": "fax" if row.type == "phone" else "phone"},
                "direction": {"direction": "In" if row.direction == "Out" else "Out"},
            }
            removed = change == "remove"
            connection.execute(
                delete(recordings).where(this)
                if removed
                else update(recordings).where(this).values(values[change])
            )
            recount(connection, start_of(1, row.started_at))


def _request(wanted: dict[str, Any]) -> RecordingSearch:
    window = {end: format_ms(moment) for end, moment in wanted["dateTimeRange"].items()}
    return convert({**wanted, "dateTimeRange": window}, RecordingSearch)


def _counted(connection: Connection, wanted: dict[str, Any], viewer: Viewer) -> int:
    """The recordings that are found, counted one by one."""
    row, window = recordings.c, wanted["dateTimeRange"]
    conditions = [visible_to(viewer), true()]
    conditions += [row.started_at >= window["from"]] if "from" in window else []
    conditions += [row.started_at < window["to"]] if "to" in window else []
    conditions += [row.direction == wanted["direction"]] if "direction" in wanted else []
    conditions += [row.is_private == wanted["isPrivate"]] if "isPrivate" in wanted else []
    types = wanted.get("communicationTypes", {})
    conditions += [row.type.in_(types["include"])] if "include" in types else []
    conditions += [row.type.not_in(types["exclude"])] if "exclude" in types else []
    return connection.scalar(select(func.count()).select_from(recordings).where(*conditions)) or 0


def _line(name: str, start: int, *, is_private: bool) -> ManifestLine:
    moment = {"startDatetimeUTC": format_ms(start), "endDatetimeUTC": format_ms(start)}
    return read_line(json.dumps(call(thirdPartyId=name, isPrivate=is_private, **moment)).encode())


WRITERS, BATCHES = 3, 6


def test_totals_are_those_of_the_recordings_while_others_write(firm: Firm) -> None:
    archive, done = firm.archive, threading.Event()

    def write(writer: int) -> None:
        pick = random.Random(writer)
        for batch in range(BATCHES):
            starts = [pick.choice(EDGES) + pick.randrange(MS_PER_DAY) for _ in range(5)]
            lines = [
                _line(f"call-{writer}-{batch}-{number}", start, is_private=number == 1)
                for number, start in enumerate(starts)
            ]
            import_lines(archive, lines, Folder(Path("/")), action("test", "Add"))
            _change(archive, [(pick.randrange(100), pick.choice(["remove", "privacy"]))])

    def read() -> int:
        window = {"from": EDGES[1] + 1, "to": EDGES[-2] + 3_600_000}
        searches: list[dict[str, Any]] = [{"dateTimeRange": {}}, {"dateTimeRange": window}]
        moments = 0
        while not done.is_set():
            for wanted in searches:
                with archive.read() as connection:  # both totals are those of this moment
                    total = search(connection, _request(wanted), SEES_ALL).total
                    assert total == _counted(connection, wanted, SEES_ALL)
            moments += 1
        return moments

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        reading = threads.submit(read)
        try:
            for written in [threads.submit(write, writer) for writer in range(WRITERS)]:
                written.result()
        finally:
            done.set()
        assert reading.result() > 0
    assert list(check_counts(archive)) == []
