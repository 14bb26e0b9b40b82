"""Search finds what a plain implementation of the contract finds: the same ids, order and total."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import insert, select

from earwitness.archive.schema.people import endpoints, people, users
from earwitness.archive.schema.recordings import (
    comments,
    legal_hold_recordings,
    legal_holds,
    playlist_recordings,
    playlists,
    recording_endpoints,
    recording_tags,
    recordings,
    tags,
    transcripts,
)
from earwitness.kernel.rights import Right
from tests.archive.plain_reading import Part, Reader, Told, read
from tests.firm import ADMIN, Firm, endpoint, person, transcript

WORDS = ["sell", "buy", "shares", "gilts", "Zürich", "ok", "trade-desk", "東京"]
NUMBERS = ["447896423595", "447700900111", "447700900222", "sip:desk@firm.example"]
NAMES = ["Jane Smith", "Omar Núñez", None]
STARTS = [
    "2026-03-28T23:59:59.999",
    "2026-03-29T00:30:00.000",
    "2026-03-29T01:30:00.000",
    "2026-05-12T10:30:00.000",
    "2026-05-12T10:30:00.001",
    "2026-10-25T00:30:00.000",
    "2026-10-25T01:30:00.000",
    "2026-12-31T23:30:00.000",
]
ZONES = ["UTC", "Europe/London", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati"]
STANDARD, PRIVATE = "standard@example.com", "private@example.com"
SEES = (Right.RECORDING_VIEW, Right.RECORDING_COMMENT_VIEW)
HEARS = (Right.RECORDING_TRANSCRIPTION_VIEW,)
SALES = {"Department": ["Sales"]}
LIMITED: dict[str, list[dict[str, Any]]] = {
    "a person's": [{"personIds": [1]}],
    "people's": [{"personIds": [1, 2]}],
    "a department's": [{"dataGroups": SALES}],
    "a type's": [{"communicationTypes": ["phone", "sms"]}],
    "all of it": [
        {
            "personIds": [1, 2],
            "dataGroups": {"Department": ["Sales", "Support"]},
            "communicationTypes": ["phone"],
        }
    ],
    "either's": [{"personIds": [1]}, {"dataGroups": SALES}],
    "either's in part": [{"personIds": [1], "communicationTypes": ["phone"]}, {"dataGroups": SALES}],
    "either's, or a type's": [{"personIds": [2]}, {"communicationTypes": ["sms"]}],
}
"""The policies of users who have some, by their names."""
WITHOUT_TRANSCRIPTS = {STANDARD, "people's", "a department's", "either's in part"}
"""Users without the right to view transcripts: a search does not find what was said for them."""


def participant(value: str, name: str | None, subject: bool, user: str) -> dict[str, Any]:
    named = {"person": person(name)} if name else {}
    return endpoint(value, subject=subject) | {"user": user} | named


participants = st.lists(
    st.builds(
        participant,
        st.sampled_from(NUMBERS),
        st.sampled_from(NAMES),
        st.booleans(),
        st.sampled_from(["", STANDARD, "somebody"]),
    ),
    min_size=1,
    max_size=3,
)
sentences = st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=5).map(" ".join), max_size=2)
told_calls = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["phone", "teams", "sms"]),
            "startDatetimeUTC": st.sampled_from(STARTS),
            "durationInSeconds": st.sampled_from([0, 0.5, 60, 61.482]),
            "direction": st.sampled_from(["In", "Out"]),
            "isPrivate": st.booleans(),
            "endpoints": participants,
            "tags": st.lists(st.sampled_from(["vip", "fraud", "Zürich"]), max_size=2, unique=True),
            "source": st.sampled_from(["sbc-1", "teams"]),
            "dataGroups": st.sampled_from([{}, {"Department": "Sales"}, {"Department": "Support"}]),
            "transcript": sentences.map(lambda said: transcript(*said) if said else None),
        }
    ),
    min_size=4,
    max_size=12,
)


def listed(values: list[Any]) -> st.SearchStrategy[dict[str, list[Any]]]:
    some = st.lists(st.sampled_from(values), max_size=3)
    return st.fixed_dictionaries({}, optional={"include": some, "exclude": some})


queries = st.recursive(
    st.sampled_from([*WORDS, '"sell shares"', "z*", "Jane", "+44*", "京", "call-1", "vip", "desk"]),
    lambda inner: st.one_of(
        st.builds("{} {}".format, inner, inner),
        st.builds("({} OR {})".format, inner, inner),
        inner.map("-({})".format),
    ),
    max_leaves=4,
)
clock = st.sampled_from(["00:00", "00:30", "01:30", "02:00", "10:30", "23:59"])
spans = st.lists(
    st.fixed_dictionaries({"from": clock, "to": clock}).filter(lambda span: span["from"] != span["to"]),
    max_size=2,
)
side = st.fixed_dictionaries(
    {"endpointIds": st.lists(st.integers(1, 4), min_size=1, max_size=2)},
    optional={"personIds": st.lists(st.integers(1, 3), max_size=2)},
) | st.fixed_dictionaries({"personIds": st.lists(st.integers(1, 3), min_size=1, max_size=2)})
ids = list(range(1, 30))
filters = st.fixed_dictionaries(
    {},
    optional={
        "recordingIds": listed(ids),
        "thirdPartyIds": listed([f"call-{n}" for n in ids]),
        "endpointIds": listed([1, 2, 3, 4, 99]),
        "personIds": listed([1, 2, 99]),
        "userIds": listed([1, 2, 3, 99]),
        "tagIds": listed([1, 2, 3, 99]),
        "communicationTypes": listed(["phone", "teams", "sms", "fax"]),
        "dateTimeRange": st.fixed_dictionaries(
            {}, optional={"from": st.sampled_from(STARTS[:4]), "to": st.sampled_from(STARTS[4:])}
        ),
        "durationRangeInSeconds": st.fixed_dictionaries(
            {}, optional={"min": st.sampled_from([0, 0.5, 60]), "max": st.sampled_from([60, 61.482])}
        ),
        "timeRanges": st.fixed_dictionaries(
            {}, optional={"include": spans, "exclude": spans, "timeZone": st.sampled_from(ZONES)}
        ),
        "communicationsBetween": st.fixed_dictionaries({"first": side, "second": side}),
        "freeText": queries,
        "direction": st.sampled_from(["In", "Out"]),
        "isPrivate": st.booleans(),
        "hasComments": st.booleans(),
        "legalHoldId": st.sampled_from([1, 2]),
        "playlistId": st.sampled_from([1, 2]),
        "startTimeDirection": st.sampled_from(["ASC", "DESC"]),
    },
)


marks = st.lists(
    st.tuples(st.integers(0, 40), st.sampled_from(["comment", "withdrawn", "hold", "list"])), max_size=3
)
readers = st.sampled_from([ADMIN, STANDARD, PRIVATE]) | st.sampled_from([*LIMITED])
readings = st.lists(st.tuples(readers, filters), min_size=15, max_size=20)


@pytest.mark.usefixtures("however_many")
@given(calls=told_calls, marked=marks, readings=readings)
@settings(
    max_examples=7,
    deadline=None,
    derandomize=True,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.data_too_large,
    ],
)
def test_search_finds_what_a_plain_implementation_finds(
    firm: Firm,
    calls: list[dict[str, Any]],
    marked: list[tuple[int, str]],
    readings: list[tuple[str, dict[str, Any]]],
) -> None:
    """The archive grows from example to example, and each example is searched in many ways."""
    if STANDARD not in firm.keys:
        user_ids = {
            username: firm.add_user(username, [*SEES, *(() if username in WITHOUT_TRANSCRIPTS else HEARS)])
            for username in (STANDARD, PRIVATE, *LIMITED)
        }
        _link_to_person(firm)
        for username, policies in LIMITED.items():
            _limit(firm, user_ids[username], policies)
    first = len(_all_told(firm)) + 1
    for number, metadata in enumerate(calls, start=first):
        message = {"message": "ok, sell"} if metadata["type"] == "sms" else {}
        firm.ingest(None, **{"thirdPartyId": f"call-{number}", "endDatetimeUTC": None, **metadata, **message})
    _mark(firm, marked)
    told = _all_told(firm)
    for username, wanted in readings:
        _assert_same(firm, username, wanted, read(told, _reader(firm, username), wanted))


def _assert_same(firm: Firm, username: str, wanted: dict[str, Any], expected: list[int]) -> None:
    page = firm.post("/client/recording.search", {**wanted, "pageSize": 1000}, as_user=username)
    assert [one["interactionId"] for one in page["recordings"]] == expected, wanted
    assert page["total"] == len(expected)
    if len(expected) > 2:
        second = firm.post("/client/recording.search", {**wanted, "pageSize": 2, "page": 2}, as_user=username)
        assert [one["interactionId"] for one in second["recordings"]] == expected[2:4]
        assert second["total"] == len(expected)


def _limit(firm: Firm, user_id: int, policies: list[dict[str, Any]]) -> None:
    names = [f"{number} of {user_id}" for number in range(len(policies))]
    for name, policy in zip(names, policies, strict=True):
        firm.post("/admin/accessPolicy", {"name": name, **policy})
    assert firm.call("PUT", f"/admin/user/{user_id}", {"policies": names}).is_success


def _link_to_person(firm: Firm) -> None:
    """The user `private@example.com` is the person Omar Núñez, who is met in calls."""
    firm.ingest(
        thirdPartyId="call-1",
        endpoints=[
            endpoint(NUMBERS[0], subject=True, person=person("Omar Núñez")),
            endpoint(NUMBERS[1], person=person("Jane Smith")),
        ],
    )
    with firm.archive.write() as connection:
        omar = connection.scalar(select(people.c.id).where(people.c.full_name == "Omar Núñez"))
        connection.execute(users.update().where(users.c.username == PRIVATE).values(person_id=omar))
        for catalogue in (legal_holds, playlists):
            connection.execute(insert(catalogue), [{"name": "one", "created_at": 0}])
        connection.execute(insert(legal_holds).values(name="ended", created_at=0, ended_at=1))


def _mark(firm: Firm, marked: list[tuple[int, str]]) -> None:
    """Comment on, hold and list some recordings."""
    with firm.archive.write() as connection:
        positions = list(
            connection.scalars(select(recordings.c.position).order_by(recordings.c.interaction_id))
        )
        for index, what in marked:
            position = positions[index % len(positions)]
            if what in {"comment", "withdrawn"}:
                gone = 1 if what == "withdrawn" else None
                written = insert(comments).values(
                    position=position, user_id=1, comment="noted", inserted_at=0
                )
                connection.execute(written.values(withdrawn_at=gone))
                continue
            held = what == "hold"
            members = legal_hold_recordings if held else playlist_recordings
            if connection.scalar(select(members.c.position).where(members.c.position == position)) is None:
                key = "legal_hold_id" if held else "playlist_id"
                connection.execute(insert(members).values({key: 1, "position": position}))


def _all_told(firm: Firm) -> list[Told]:
    with firm.archive.read() as connection:
        rows = connection.execute(select(recordings)).all()

        def of(table: Any, column: Any, position: int) -> Any:
            return connection.execute(
                select(column).select_from(table).where(table.c.position == position)
            ).all()

        return [_told(connection, row, of) for row in rows]


def _told(connection: Any, row: Any, of: Callable[..., Any]) -> Told:
    parts = connection.execute(
        select(
            recording_endpoints,
            endpoints.c.endpoint,
            endpoints.c.normalised,
            people.c.full_name,
            people.c.email,
        )
        .select_from(recording_endpoints)
        .join(endpoints, endpoints.c.id == recording_endpoints.c.endpoint_id)
        .outerjoin(people, people.c.id == recording_endpoints.c.person_id)
        .where(recording_endpoints.c.position == row.position)
    ).all()
    named = connection.execute(
        select(tags.c.id, tags.c.tag).join(recording_tags).where(recording_tags.c.position == row.position)
    ).all()
    said = of(transcripts, transcripts.c.segments, row.position)
    spoken = " ".join(segment["text"] for segment in said[0][0]) if said else ""
    fields = [
        ", ".join([part.full_name or "", part.email or "", part.endpoint, part.normalised, part.user])
        for part in parts
    ]
    return Told(
        interaction_id=row.interaction_id,
        third_party_id=row.third_party_id,
        type=row.type,
        direction=row.direction,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        is_private=row.is_private,
        parts=tuple(Part(p.endpoint_id, p.person_id, p.user, p.is_recording_subject) for p in parts),
        tag_ids=frozenset(tag.id for tag in named),
        spoken=spoken,
        fields=(row.message or "", row.third_party_id, row.source, *(t.tag for t in named), *fields),
        comments=sum(1 for (gone,) in of(comments, comments.c.withdrawn_at, row.position) if gone is None),
        holds=frozenset(
            i for (i,) in of(legal_hold_recordings, legal_hold_recordings.c.legal_hold_id, row.position)
        ),
        playlists=frozenset(
            i for (i,) in of(playlist_recordings, playlist_recordings.c.playlist_id, row.position)
        ),
        data_groups=row.data_groups,
    )


def _reader(firm: Firm, username: str) -> Reader:
    with firm.archive.read() as connection:
        known = {row.id: (row.username, row.person_id) for row in connection.execute(select(users))}
    person_id = next(person_id for name, person_id in known.values() if name == username)
    return Reader(
        username,
        person_id,
        username == ADMIN,
        known,
        reads_transcripts=username not in WITHOUT_TRANSCRIPTS,
        policies=LIMITED.get(username, []),
    )


@pytest.mark.usefixtures("however_many")
def test_a_word_that_a_long_transcript_repeats_is_found_once(firm: Firm) -> None:
    words = " ".join(f"w{number}" for number in range(12_000))  # more than one part on PostgreSQL
    firm.ingest(None, thirdPartyId="call-1", transcript=transcript(f"again {words} again"))
    firm.ingest(None, thirdPartyId="call-2", transcript=transcript("not"))
    for asked in ("again", "again w5", '"w7 w8"'):
        page = firm.post("/client/recording.search", {"freeText": asked})
        assert (page["total"], [one["thirdPartyId"] for one in page["recordings"]]) == (1, ["call-1"])
