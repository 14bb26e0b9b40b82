"""Retention on both databases, compared with a plain implementation of the contract."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from hypothesis import HealthCheck, example, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, select, update

from earwitness.archive.accounts.accounts import Accounts, Archive
from earwitness.archive.jobs import account_jobs
from earwitness.archive.people.people import add_person
from earwitness.archive.recordings import retention_changes
from earwitness.archive.recordings.retention import (
    Durations,
    Retention,
    Rules,
    longest,
    recompute,
    recompute_for_default,
    recompute_for_people,
    retention_of,
    rules_of,
)
from earwitness.archive.schema.people import account, endpoints, people, retention_groups
from earwitness.archive.schema.recordings import recording_endpoints, recordings
from earwitness.cli.calling import operator
from earwitness.kernel.errors import Conflict
from earwitness.kernel.settings import Settings
from tests.firm import CLIENT_ID

DAY_MS = 24 * 60 * 60 * 1000
TYPES = ("phone", "sms", "teams", "it's")
PEOPLE = 4

days = st.one_of(st.none(), st.integers(1, 4), st.just(1_000_000))
durations = st.dictionaries(st.sampled_from(TYPES), days, max_size=3).flatmap(
    lambda by_type: days.map(lambda default: by_type | {"default": default})
)


@dataclass(frozen=True)
class Kept:
    """A recording: its type, when it ended, and its participants: who (None: not known), and if a subject."""

    type: str
    ended_at: int
    participants: list[tuple[int | None, bool]]


@dataclass(frozen=True)
class World:
    """The account default, the groups, each person's group (None: none), and the recordings."""

    default: Durations
    groups: list[Durations]
    in_group: list[int | None]
    recordings: list[Kept]


worlds = st.builds(
    World,
    durations,
    st.lists(durations, max_size=3),
    st.lists(st.one_of(st.none(), st.integers(0, 2)), min_size=PEOPLE, max_size=PEOPLE),
    st.lists(
        st.builds(
            Kept,
            st.sampled_from(TYPES),
            st.integers(0, 4 * 10**12),
            st.lists(st.tuples(st.one_of(st.none(), st.integers(0, PEOPLE - 1)), st.booleans()), max_size=4),
        ),
        max_size=5,
    ),
)


def plain_reading(world: World, kept: Kept) -> tuple[int | None, int | None]:
    """The index of the group that keeps a recording, or None, and until when it does."""
    best: tuple[float, int, int | None] | None = None
    subjects = [who for who, is_subject in kept.participants if is_subject]
    for who in subjects or [None]:
        group = None if who is None else world.in_group[who]
        if group is not None and group >= len(world.groups):
            group = None
        rules = world.default if group is None else world.groups[group]
        value = rules[kept.type] if kept.type in rules else rules["default"]
        length = float("inf") if value is None else float(value)
        # Among equals, a group comes before none, and the group that was added first before others.
        candidate = (length, 0 if group is None else 100 - group, group)
        if best is None or candidate[:2] > best[:2]:
            best = candidate
    assert best is not None
    until = None if best[0] == float("inf") else kept.ended_at + int(best[0]) * DAY_MS
    return best[2], until


@pytest.fixture
def archive(settings: Settings) -> Iterator[Archive]:
    accounts = Accounts(settings)
    yield accounts.open(CLIENT_ID)
    accounts.close()


@contextmanager
def undone(archive: Archive) -> Iterator[Connection]:
    """A transaction that leaves nothing behind, so that each example begins with an empty archive."""
    engine = archive.engine.execution_options(writes=True)
    with engine.connect() as connection, connection.begin() as transaction:
        yield connection
        transaction.rollback()


def build(connection: Connection, world: World) -> tuple[list[int], list[int]]:
    """Store a world, with all recordings kept for ever. Returns the ids of its groups and people."""
    connection.execute(update(account).values(default_retention=world.default))
    group_ids = [
        connection.execute(
            insert(retention_groups)
            .values(name=f"Group {index}", retention_group=group)
            .returning(retention_groups.c.id)
        ).scalar_one()
        for index, group in enumerate(world.groups)
    ]
    known = dict(enumerate(group_ids))
    person_ids = [
        add_person(
            connection,
            full_name=f"Person {index}",
            person_type="staff",
            retention_group_id=None if group is None else known.get(group),
        )
        for index, group in enumerate(world.in_group)
    ]
    endpoint_id = connection.execute(
        insert(endpoints)
        .values(type="phone", endpoint="1", normalised="1", metadata={})
        .returning(endpoints.c.id)
    ).scalar_one()
    for index, kept in enumerate(world.recordings):
        connection.execute(insert(recordings).values(row_of(index, kept)))
        for ordinal, (who, is_subject) in enumerate(kept.participants):
            connection.execute(
                insert(recording_endpoints).values(
                    position=index,
                    ordinal=ordinal,
                    endpoint_id=endpoint_id,
                    person_id=None if who is None else person_ids[who],
                    user="",
                    user_folded="",
                    is_originator=False,
                    is_recording_subject=is_subject,
                )
            )
    return group_ids, person_ids


def row_of(index: int, kept: Kept) -> dict[str, object]:
    texts = dict.fromkeys(("source", "is_private_reason", "transcript_snippet"), "")
    lists: dict[str, object] = {"analysis": [], "conversation_phases": []}
    objects: dict[str, object] = {"data_groups": {}, "optional": {}, "metadata": {}}
    return {
        "position": index,
        "interaction_id": index + 1,
        "third_party_id": str(index),
        "type": kept.type,
        "direction": "In",
        "started_at": kept.ended_at,
        "ended_at": kept.ended_at,
        "duration_ms": 0,
        "status": "processed",
        "has_media": False,
        "has_sender_times": True,
        "received_at": 0,
        "received_digest": b"",
        **texts,
        **lists,
        **objects,
    }


def stored(connection: Connection) -> list[tuple[int | None, int | None]]:
    columns = recordings.c
    rows = select(columns.retention_group_id, columns.retain_until).order_by(columns.position)
    return [(row[0], row[1]) for row in connection.execute(rows)]


def read_plainly(world: World, group_ids: list[int]) -> list[tuple[int | None, int | None]]:
    read = [plain_reading(world, kept) for kept in world.recordings]
    return [(None if group is None else group_ids[group], until) for group, until in read]


on_both = hypothesis_settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

EQUALS = World(
    {"default": 3},
    [{"default": 3}, {"default": 3}],
    [None, 1, 0, None],
    [Kept("phone", 5, [(0, True), (1, True), (2, True)]), Kept("phone", 5, [(None, True), (1, False)])],
)


@on_both
@given(world=worlds)
@example(world=EQUALS)
def test_python_and_sql_keep_a_recording_by_the_same_rules(archive: Archive, world: World) -> None:
    """One recording at a time, all recordings of some people, and all that the account default keeps."""
    with undone(archive) as connection:
        group_ids, person_ids = build(connection, world)
        expected = read_plainly(world, group_ids)
        recompute(connection, range(len(world.recordings)))
        assert stored(connection) == expected

        connection.execute(update(account).values(may_shorten_retention=True))
        connection.execute(update(recordings).values(retain_until=None, retention_group_id=None))
        recompute_for_people(connection, person_ids)
        recompute_for_default(connection)
        assert stored(connection) == expected

        for kept, (group_id, until) in zip(world.recordings, expected, strict=True):
            subjects = [
                None if who is None else person_ids[who] for who, is_one in kept.participants if is_one
            ]
            retention = retention_of(connection, kept.type, subjects)
            assert (retention.retention_group_id, retention.retain_until(kept.ended_at)) == (group_id, until)


@on_both
@given(world=worlds, person=st.integers(0, PEOPLE - 1), group=st.one_of(st.none(), st.integers(0, 2)))
def test_a_person_changes_groups_only_if_no_recording_is_kept_shorter(
    archive: Archive, world: World, person: int, group: int | None
) -> None:
    with undone(archive) as connection:
        group_ids, person_ids = build(connection, world)
        recompute(connection, range(len(world.recordings)))
        before = stored(connection)
        moved = [group if index == person else old for index, old in enumerate(world.in_group)]
        to = group_ids[group] if group is not None and group < len(group_ids) else None
        this = people.c.id == person_ids[person]
        connection.execute(update(people).where(this).values(retention_group_id=to))
        after = read_plainly(World(world.default, world.groups, moved, world.recordings), group_ids)
        if any(is_shorter(new, old) for (_, new), (_, old) in zip(after, before, strict=True)):
            with pytest.raises(Conflict):
                recompute_for_people(connection, [person_ids[person]])
            assert stored(connection) == before
        else:
            recompute_for_people(connection, [person_ids[person]])
            assert stored(connection) == after


@on_both
@given(world=worlds, default=durations)
def test_the_default_changes_only_if_no_recording_is_kept_shorter(
    archive: Archive, world: World, default: Durations
) -> None:
    with undone(archive) as connection:
        group_ids, _ = build(connection, world)
        recompute(connection, range(len(world.recordings)))
        before = stored(connection)
        connection.execute(update(account).values(default_retention=default))
        after = read_plainly(World(default, world.groups, world.in_group, world.recordings), group_ids)
        if any(is_shorter(new, old) for (_, new), (_, old) in zip(after, before, strict=True)):
            with pytest.raises(Conflict):
                recompute_for_default(connection)
            assert stored(connection) == before
        else:
            recompute_for_default(connection)
            assert stored(connection) == after


def is_shorter(new: int | None, old: int | None) -> bool:
    return new is not None and (old is None or new < old)


def test_a_change_leaves_recordings_that_it_does_not_concern(archive: Archive) -> None:
    """A recording that is kept longer than its rules say does not stop a change of other rules."""
    mine, theirs = Kept("phone", 0, [(0, True)]), Kept("phone", 0, [(1, True)])
    unknown = Kept("phone", 0, [(0, False), (1, False)])
    world = World({"default": 1}, [{"default": 2}], [0, 0, None, None], [mine, theirs, unknown])
    with undone(archive) as connection:
        (group_id,), (me, *_) = build(connection, world)
        this = recordings.c.position
        connection.execute(update(recordings).where(this == 0).values(retain_until=0))
        recompute_for_people(connection, [me])
        assert stored(connection) == [(group_id, 2 * DAY_MS), (None, None), (None, None)]
        connection.execute(update(recordings).where(this == 2).values(retain_until=0))
        recompute_for_default(connection)
        assert stored(connection) == [(group_id, 2 * DAY_MS), (None, None), (None, DAY_MS)]


@on_both
@given(world=worlds, changed=worlds, most=st.integers(1, 3), before_rules=st.booleans())
def test_a_job_brings_recordings_to_the_rules_and_they_are_shown_so_until_then(
    archive: Archive, world: World, changed: World, most: int, before_rules: bool
) -> None:
    """How a change is judged, what is shown while it is pending and what is written agree with the rules."""
    changed = World(
        changed.default,
        [*changed.groups, *world.groups][: len(world.groups)],
        changed.in_group,
        world.recordings,
    )
    with undone(archive) as connection:
        group_ids, person_ids = build(connection, world)
        recompute(connection, range(len(world.recordings)))
        before, after = stored(connection), read_plainly(changed, group_ids)
        rules, new = rules_of(connection), rules_after(changed, group_ids, person_ids)
        shortens = any(is_shorter(end, kept) for (_, end), (_, kept) in zip(after, before, strict=True))
        which = list(range(len(world.recordings)))
        queued = rules if before_rules else None
        of_people, of_default = (
            retention_changes.shortens(connection, queued, new, who) for who in (person_ids, None)
        )
        assert (of_people or of_default) == shortens
        if retention_changes.only_lengthens(connection, rules, new):
            assert not shortens

        put_in_force(connection, new)
        what = {"people": None, "mayShorten": True}
        job_id = account_jobs.order(connection, "retention", what, total=0, viewer=operator(CLIENT_ID))
        overlaid = retention_changes.pending_retention(connection, which)
        assert [overlaid.get(at, before[at]) for at in which] == after
        job = account_jobs.get(connection, job_id)
        assert job is not None
        is_last = False
        while not is_last:
            found = retention_changes.find(connection, job, most)
            assert len(found.batch) <= most
            retention_changes.write(connection, job, found.batch)
            job, is_last = replace(job, cursor=found.cursor), found.is_last
        assert stored(connection) == after


def put_in_force(connection: Connection, rules: Rules) -> None:
    """Store rules, without bringing any recording to them."""
    connection.execute(update(account).values(default_retention=rules.default))
    for group_id, days_ in rules.groups.items():
        this = retention_groups.c.id == group_id
        connection.execute(update(retention_groups).where(this).values(retention_group=days_))
    retention_changes.move_people(connection, rules.moved)


def rules_after(changed: World, group_ids: list[int], person_ids: list[int]) -> Rules:
    known = dict(enumerate(group_ids))
    moved = {
        person: None if group is None else known.get(group)
        for person, group in zip(person_ids, changed.in_group, strict=True)
    }
    return Rules(changed.default, dict(zip(group_ids, changed.groups, strict=True)), moved)


@given(st.lists(st.builds(Retention, days, st.one_of(st.none(), st.integers(1, 5))), min_size=1))
def test_the_longest_does_not_depend_on_the_order(candidates: list[Retention]) -> None:
    assert longest(candidates) == longest(candidates[::-1])
    numbers = [one.days for one in candidates if one.days is not None]
    expected = None if len(numbers) < len(candidates) else max(numbers)
    assert longest(candidates).days == expected
