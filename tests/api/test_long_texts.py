"""Every indexed text has a limit on its length when it is sent, the same on both databases.

PostgreSQL indexes no more than 2,704 bytes, after compression. Random letters cannot be compressed.
"""

import unicodedata
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest
from sqlalchemy import Index, MetaData, Table, Text, UniqueConstraint, insert

from earwitness.archive.schema.account import metadata as of_an_account
from earwitness.archive.schema.directory import metadata as of_all_accounts
from earwitness.archive.schema.recordings import tags
from earwitness.archive.spelling.tokens import fold
from earwitness.kernel.errors import BadRequest
from tests.firm import Firm, call, endpoint

LONGEST, LONGEST_NAME_OF_A_DATA_GROUP = 512, 128

TEXT = "the text"
INGEST = "/ingest/recording"

WAYS: list[tuple[str, str, dict[str, Any], str]] = [
    ("recordings.third_party_id", INGEST, {"thirdPartyId": TEXT}, "thirdPartyId"),
    (
        "recording_endpoints.user_folded",
        INGEST,
        {"endpoints": [endpoint("1", user=TEXT)]},
        "endpoints[0].user",
    ),
    ("recording_data_groups.name", INGEST, {"dataGroups": {TEXT: "Support"}}, "dataGroups"),
    ("recording_data_groups.value", INGEST, {"dataGroups": {"Department": TEXT}}, "dataGroups[]"),
    ("tags.tag_folded", INGEST, {"tags": [TEXT]}, "tags[0]"),
    ("tags.tag_folded", "/admin/tag", {"tag": TEXT}, "tag"),
    ("tags.tag_folded", "/client/recording/tags", {"recordingId": 1, "tags": [TEXT]}, "tags[0]"),
    ("tags.tag_folded", "/client/recording/comment", {"recordingId": 1, "comment": "?", "tag": TEXT}, "tag"),
    *(
        (column, INGEST, {"endpoints": [endpoint("1", person={field: TEXT})]}, f"endpoints[0].person.{field}")
        for column, field in (
            ("people.full_name_folded", "fullName"),
            ("people.email_folded", "email"),
            ("people.third_party_id", "thirdPartyId"),
        )
    ),
    ("people.full_name_folded", "/admin/person", {"fullName": TEXT}, "fullName"),
    ("people.email_folded", "/admin/person", {"fullName": "Jo", "email": TEXT}, "email"),
    ("people.third_party_id", "/admin/person", {"fullName": "Jo", "thirdPartyId": TEXT}, "thirdPartyId"),
    *(
        (
            column,
            "/admin/person",
            {
                "fullName": "Jo",
                "autoGroupAssignment": [{"groupName": "A", "groupValue": "B"} | {field: TEXT}],
            },
            f"autoGroupAssignment[0].{field}",
        )
        for column, field in (("group_names.name", "groupName"), ("group_values.value", "groupValue"))
    ),
    ("endpoints.normalised", INGEST, {"endpoints": [endpoint(TEXT)]}, "endpoints[0].endpoint"),
    ("endpoints.normalised", "/admin/endpoint", {"type": "email", "endpoint": TEXT}, "endpoint"),
    (
        "endpoints.normalised",
        "/admin/person",
        {"fullName": "Jo", "endpoints": [{"type": "teamsUserId", "endpoint": TEXT}]},
        "endpoints[0].endpoint",
    ),
    (
        "endpoints.normalised",
        "/ingest/call/start",
        {"thirdPartyId": "live", "endpoint": {"type": "phone", "endpoint": TEXT}},
        "endpoint.endpoint",
    ),
    (
        "inflight_calls.third_party_id",
        "/ingest/call/start",
        {"thirdPartyId": TEXT, "endpoint": {"type": "phone", "endpoint": "1"}},
        "thirdPartyId",
    ),
    (
        "retention_groups.name",
        "/admin/retentionGroup",
        {"name": TEXT, "retentionGroup": {"default": 1}},
        "name",
    ),
    ("access_policies.name", "/admin/accessPolicy", {"name": TEXT, "communicationTypes": ["phone"]}, "name"),
    ("users.username_folded", "/admin/user", {"username": TEXT, "rolesAndRights": []}, "username"),
]
"""The indexed column, the call that fills it, what is sent, and where its fault lies."""

NEVER_LONG = {
    "recordings.type",  # at most 64 letters of ASCII
    "recording_counts.type",
    # Words, digests and names of ours alone:
    "account_jobs.kind",
    "account_jobs.state",
    "accounts_with_work.kind",
    "audit_rows.parent_entity_name",
    "counters.name",
    "daily_checks.kind",
    "endpoints.type",
    "entity_states.entity_name",
    "foldings.kind",
    "identities.kind",
    "jobs.kind",
    "jobs.state",
    "known_keys.kek_id",
    "ledger_asked.kind",
    "ledger_asked.name",
    "ledger_attestations.kind",
    "ledger_attestations.name",
    "loaded_keys.process",
    "media_objects.kind",
    "media_objects.name",
    "recording_counts.direction",
    "recording_keys.kek_id",
    "recordings.direction",
    "recordings.status",
    "refresh_tokens.family",
    "sign_in_failures.subject",
    "table_revisions.revision",
}

on_postgres = pytest.mark.parametrize("settings", ["postgresql"], indirect=True)


def letters(count: int, seed: int = 0) -> str:
    """Random letters of four bytes each, which folding does not change."""
    random = Random(seed)
    return "".join(chr(random.randrange(0x20000, 0x2A6D0)) for _ in range(count))


def filled(sent: Any, text: str) -> Any:
    if isinstance(sent, dict):
        return {text if name == TEXT else name: filled(value, text) for name, value in sent.items()}
    if isinstance(sent, list):
        return [filled(one, text) for one in sent]
    return text if sent == TEXT else sent


def indexed_texts(metadata: MetaData) -> Iterator[str]:
    def indexes(table: Table) -> Iterator[Any]:
        yield table.primary_key
        yield from table.indexes
        yield from (one for one in table.constraints if isinstance(one, UniqueConstraint))

    for table in metadata.tables.values():
        for index in indexes(table):
            assert not isinstance(index, Index) or len(index.expressions) == len(index.columns)
            yield from (str(column) for column in index.columns if isinstance(column.type, Text))


def test_every_text_in_an_index_has_a_limit() -> None:
    indexed = {*indexed_texts(of_an_account), *indexed_texts(of_all_accounts)}
    assert indexed == {column for column, *_ in WAYS} | NEVER_LONG


def test_a_text_up_to_its_limit_is_accepted_and_a_longer_one_is_refused(firm: Firm) -> None:
    firm.ingest()
    for number, (column, path, sent, fault) in enumerate(WAYS):
        longest = LONGEST_NAME_OF_A_DATA_GROUP if column == "recording_data_groups.name" else LONGEST
        for length in (longest, longest + 1):
            body = filled(sent, letters(length, number))
            if path == INGEST:
                answer = firm.send(call(**{"thirdPartyId": f"long-{number}"} | body))
            else:
                answer = firm.call("PUT" if path == "/client/recording/tags" else "POST", path, body)
            if length == longest:
                assert answer.is_success, (column, path, answer.text)
                continue
            assert answer.status_code == 400, (column, path, answer.text)
            assert [(one["path"], one["message"]) for one in answer.json()["errors"]] == [
                (fault, f"expected at most {longest} characters")
            ]


def test_a_name_that_becomes_longer_when_folded_is_accepted(firm: Firm) -> None:
    grows = sorted(
        (one for one in map(chr, range(0xA0, 0x20000)) if unicodedata.category(one) not in {"Cs", "Cn"}),
        key=lambda one: -len(fold(one).encode()),
    )
    name = "".join(Random(1).sample(grows[:LONGEST], LONGEST))
    names = ["".join(Random(seed).sample(grows[:800], LONGEST)) for seed in range(5)]
    assert all(len(fold(name).encode()) > 2704 for name in names)
    for number, name in enumerate(names):
        by_name = {"fullName": name, "email": f"{number}@example.com"}
        firm.ingest(thirdPartyId=name, endpoints=[endpoint("1", subject=True, user=name, person=by_name)])
        added = firm.post("/admin/person", {"fullName": "Jo"})
        assert firm.call("PUT", f"/admin/person/{added['id']}", {"fullName": name}).is_success
        found = firm.post("/client/people.search", {"freeText": name[:4]})
        assert [one["fullName"] for one in found["persons"]] == [name, name]


@on_postgres
def test_a_text_that_the_database_cannot_index_is_a_bad_request(firm: Firm) -> None:
    with pytest.raises(BadRequest), firm.archive.write() as connection:
        connection.execute(insert(tags).values(tag="?", tag_folded=letters(3000)))
