"""Participants: endpoints and people are recognised in all spellings, and never confused."""

from typing import Any

import pytest
from sqlalchemy import insert, select, update

from earwitness.archive.jobs import queue
from earwitness.archive.schema.people import endpoints, people, retention_groups
from earwitness.archive.schema.recordings import recordings
from earwitness.archive.spelling.addresses import normalise
from earwitness.archive.text.index import index_recordings
from tests.firm import Firm, endpoint, tone


def recording(firm: Firm, third_party_id: str = "call-1") -> dict[str, Any]:
    page = firm.post("/client/recording.search", {"thirdPartyIds": {"include": [third_party_id]}})
    (found,) = page["recordings"]
    assert isinstance(found, dict)
    return found


def participants(firm: Firm, third_party_id: str = "call-1") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = recording(firm, third_party_id)["endpoints"]
    return found


def person_of(firm: Firm, third_party_id: str) -> dict[str, Any]:
    found: dict[str, Any] = participants(firm, third_party_id)[0]["person"]
    return found


def ingest_one(firm: Firm, third_party_id: str, value: str, kind: str = "phone", **others: Any) -> None:
    firm.ingest(thirdPartyId=third_party_id, endpoints=[endpoint(value, kind=kind, **others)])


@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("phone", "+44 7896 423595", "447896423595"),
        ("phone", "0044 (7896) 423-595", "447896423595"),
        ("phone", "44.7896/423595", "447896423595"),
        ("phone", "07896423595", "07896423595"),
        ("phone", "SIP:Jane.Smith@Example.com", "sip:jane.smith@example.com"),
        ("phone", "+44 7896 423595;ext=7", "447896423595;ext=7"),
        ("phone", "00", "00"),
        ("email", " Jane.Smith@Example.COM", "jane.smith@example.com"),
        ("email", "0044@example.com", "0044@example.com"),
        ("teamsUserId", "8:orgid:1F2C-00", "8:orgid:1f2c-00"),
        ("teamsUserId", "001", "001"),
    ],
)
def test_an_address_is_the_same_however_it_is_written(kind: str, written: str, expected: str) -> None:
    assert normalise(kind, written) == expected
    assert normalise(kind, expected) == expected


def test_one_endpoint_for_all_ways_to_write_a_number(firm: Firm) -> None:
    for number, written in enumerate(["447896423595", "+44 7896 423595", "0044-7896-423595"]):
        ingest_one(firm, f"call-{number}", written)
    shown = {str(participants(firm, f"call-{number}")[0]["endpoint"]) for number in range(3)}
    assert shown == {"{'id': 1, 'type': 'phone', 'endpoint': '447896423595'}"}


def test_the_same_text_of_another_type_is_another_endpoint(firm: Firm) -> None:
    ingest_one(firm, "mail", "jane@example.com", kind="email")
    ingest_one(firm, "teams", "jane@example.com", kind="teamsUserId")
    ids = [participants(firm, name)[0]["endpoint"]["id"] for name in ("mail", "teams")]
    assert len(set(ids)) == 2


def test_participants_keep_their_order_and_their_parts(firm: Firm) -> None:
    firm.ingest(
        endpoints=[
            endpoint("447700900111", originator=True),
            endpoint("447896423595", subject=True, user="jane.smith@example.com"),
        ]
    )
    first, second = participants(firm)
    assert (first["isOriginator"], first["isRecordingSubject"], first["user"]) == (True, False, "")
    assert (second["isOriginator"], second["isRecordingSubject"]) == (False, True)
    assert second["user"] == "jane.smith@example.com"
    assert first["person"] == {"id": None, "fullName": "", "email": None}


def test_a_person_is_known_by_third_party_id_before_email(firm: Firm) -> None:
    one = {"thirdPartyId": "AAD-1", "fullName": "Jane Smith", "email": "jane@example.com"}
    ingest_one(firm, "first", "1", person=one)
    ingest_one(firm, "renamed", "2", person={"thirdPartyId": "AAD-1", "email": "jane@other.example"})
    ingest_one(firm, "by-email", "3", person={"email": "JANE@example.com"})
    ingest_one(firm, "another", "4", person={"thirdPartyId": "AAD-2", "email": "jane@example.com"})
    ids = {name: person_of(firm, name)["id"] for name in ("first", "renamed", "by-email", "another")}
    assert ids["first"] == ids["renamed"] == ids["by-email"] != ids["another"]
    assert person_of(firm, "renamed") == {"id": ids["first"], "fullName": "Jane Smith", "email": one["email"]}


def test_a_person_known_only_by_email_gets_its_third_party_id(firm: Firm) -> None:
    ingest_one(firm, "first", "1", person={"email": "jane@example.com", "fullName": "Jane Smith"})
    ingest_one(firm, "second", "2", person={"thirdPartyId": "AAD-1", "email": "jane@example.com"})
    ingest_one(firm, "third", "3", person={"thirdPartyId": "AAD-1"})
    assert len({person_of(firm, name)["id"] for name in ("first", "second", "third")}) == 1


def test_a_person_without_identity_is_the_endpoints_owner_or_nobody(firm: Firm) -> None:
    ingest_one(firm, "nobody", "1", person={"fullName": "Jane Smith"})
    assert person_of(firm, "nobody")["id"] is None
    ingest_one(firm, "owned", "1", person={"email": "jane@example.com", "fullName": "Jane Smith"})
    ingest_one(firm, "later", "1")
    ingest_one(firm, "named", "1", person={"fullName": "J. S."})
    owner = person_of(firm, "owned")
    assert owner["fullName"] == "Jane Smith"
    assert person_of(firm, "later") == person_of(firm, "named") == owner
    assert person_of(firm, "nobody")["id"] is None


def test_a_recording_subject_is_staff_unless_the_source_says_otherwise(firm: Firm) -> None:
    for name, sent, subject in (
        ("subject", {}, True),
        ("other", {}, False),
        ("said", {"personType": "external"}, True),
    ):
        ingest_one(firm, name, name, subject=subject, person={"email": f"{name}@example.com"} | sent)
    with firm.archive.read() as connection:
        types = connection.execute(select(people.c.full_name, people.c.person_type)).all()
    assert dict(map(tuple, types)) == {
        "subject@example.com": "staff",
        "other@example.com": "external",
        "said@example.com": "external",
    }


def test_the_person_named_first_owns_the_endpoint_and_stays_the_owner(firm: Firm) -> None:
    jane = {"email": "jane@example.com", "fullName": "Jane Smith"}
    mark = {"email": "mark@example.com", "fullName": "Mark Reed"}
    ingest_one(firm, "first", "1", person=jane)
    firm.ingest(tone(0.1), thirdPartyId="second", endpoints=[endpoint("1", person=mark)])
    ingest_one(firm, "third", "1")
    assert [person_of(firm, name)["fullName"] for name in ("first", "second", "third")] == [
        "Jane Smith",
        "Mark Reed",
        "Jane Smith",
    ]
    with firm.archive.read() as connection:
        (job,) = queue.list_jobs(connection)
    log: Any = job["log"]
    (line,) = log
    owner, named = (person_of(firm, name)["id"] for name in ("first", "second"))
    assert f"person {named} was named, person {owner} owns" in line["text"]
    assert "Mark" not in line["text"]


def test_the_direction_follows_from_the_originator_unless_it_is_sent(firm: Firm) -> None:
    ours, theirs = endpoint("1", subject=True), endpoint("2")
    began = {"isOriginator": True}
    firm.ingest(thirdPartyId="out", endpoints=[ours | began, theirs])
    firm.ingest(thirdPartyId="in", endpoints=[ours, theirs | began])
    firm.ingest(thirdPartyId="said in", direction="In", endpoints=[ours | began, theirs])
    firm.ingest(thirdPartyId="said out", direction="Out", endpoints=[ours, theirs | began])
    firm.ingest(thirdPartyId="nobody began it", endpoints=[ours])
    assert set(firm.search(direction="In")) == {"in", "said in", "nobody began it"}
    assert set(firm.search(direction="Out")) == {"out", "said out"}


def test_a_private_endpoint_makes_its_new_recordings_private(firm: Firm) -> None:
    ingest_one(firm, "before", "+1")
    with firm.archive.write() as connection:
        connection.execute(update(endpoints).values(is_private=True))
    ingest_one(firm, "after", "1")
    firm.ingest(thirdPartyId="said", isPrivate=True, isPrivateReason="a doctor")
    assert [recording(firm, name)["isPrivate"] for name in ("before", "after", "said")] == [False, True, True]
    assert recording(firm, "said")["isPrivateReason"] == "a doctor"


def test_tags_are_created_when_they_appear_once_whatever_their_case(firm: Firm) -> None:
    firm.ingest(thirdPartyId="one", tags=["verified_id", "VIP", "vip"])
    firm.ingest(thirdPartyId="two", tags=["Vip"])
    assert recording(firm, "one")["tags"] == ["verified_id", "VIP"]
    assert recording(firm, "two")["tags"] == ["VIP"]


def test_a_recording_is_kept_as_long_as_its_subjects_group_says(firm: Firm) -> None:
    jane = {"email": "jane@example.com"}
    ingest_one(firm, "before", "1", subject=True, person=jane)
    assert recording(firm, "before")["retainUntil"] is None
    with firm.archive.write() as connection:
        group_id = connection.execute(
            insert(retention_groups)
            .values(name="Short", retention_group={"default": 90, "sms": 30})
            .returning(retention_groups.c.id)
        ).scalar_one()
        connection.execute(update(people).values(retention_group_id=group_id))
    ingest_one(firm, "subject", "1", subject=True)
    ingest_one(firm, "not-subject", "1")
    firm.ingest(thirdPartyId="sms", type="sms", message="Hi", endpoints=[endpoint("1", subject=True)])
    firm.ingest(thirdPartyId="two", endpoints=[endpoint("1", subject=True), endpoint("2", subject=True)])
    kept = {name: recording(firm, name)["retainUntil"] for name in ("subject", "not-subject", "sms")}
    assert kept == {
        "subject": "2026-08-10T10:31:00.000Z",
        "not-subject": None,
        "sms": "2026-06-11T10:31:00.000Z",
    }
    assert recording(firm, "subject")["retentionGroupId"] == group_id
    assert recording(firm, "not-subject")["retentionGroupId"] is None


def test_participants_are_found_by_all_of_their_known_names(firm: Firm) -> None:
    """This holds from the first recording on, and for more names than this source sends."""
    jane = {"thirdPartyId": "AAD-1", "fullName": "Jane Smith", "email": "jane@example.com"}
    ingest_one(firm, "first", "+44 7896 423595", person=jane)
    ingest_one(firm, "owned", "447896423595", user="front-desk")
    ingest_one(firm, "renamed", "2", person={"thirdPartyId": "AAD-1", "fullName": "Mary Jones"})
    ingest_one(firm, "by-email", "3", person={"email": "JANE@example.com"})
    mail = endpoint("Jane@Example.com", kind="email")
    firm.ingest(thirdPartyId="mail", endpoints=[mail], tags=["Straße"])
    of_jane = ["by-email", "first", "owned", "renamed"]
    asked = {
        "smith": of_jane,
        '"jane smith jane example com"': of_jane,
        "jane": sorted([*of_jane, "mail"]),
        "mary": [],
        "423595": [],
        "447896423595": ["first", "owned"],
        '"desk"': ["owned"],
        "STRASSE": ["mail"],
    }
    found = {words: sorted(firm.search(freeText=words)) for words in asked}
    assert found == asked
    with firm.archive.write() as connection:
        index_recordings(connection, list(connection.scalars(select(recordings.c.position))))
    assert {words: sorted(firm.search(freeText=words)) for words in asked} == found
