"""Archives that earlier programs made are upgraded, and everything in them is found, on both databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from earwitness.archive.database import upgrades
from earwitness.archive.integrity.counts import check_counts
from tests.conftest import DATABASES
from tests.firm import Firm
from tests.old_archives import CONTENTS, REVISIONS, old_firm

NEVER_THE_NEWEST = {"0009", "0010", "0011", "0014", "0015", "0017", "0018", "0019"}
"""No program had these: several came at once, and an upgrade runs them all."""

LOOK_ALIKES_FOLDED_IN = "0009"


def each(revisions: list[str]) -> pytest.MarkDecorator:
    pairs = [(revision, database) for revision in revisions for database in DATABASES]
    return pytest.mark.parametrize("upgraded", pairs, indirect=True, ids="-".join)


@pytest.fixture
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Firm]:
    """The firm of an archive after its upgrade, by its revision and database."""
    revision, database = request.param
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with old_firm(revision, tmp_path, url) as firm:
        yield firm


def test_there_is_an_archive_of_every_revision_before_the_newest() -> None:
    """See `tests/data/archives/make.py`: it makes the one that is missing, before a migration is added."""
    kept = {part for name in REVISIONS for part in name.split("-")} | {"d0001"}
    for tables in ("account", "directory"):
        there = upgrades.revisions(tables)
        assert set(there[:-1]) - kept - NEVER_THE_NEWEST == set()


@each(REVISIONS)
def test_an_upgraded_archive_has_all_that_was_in_it(upgraded: Firm) -> None:
    firm = upgraded
    sent = {one["thirdPartyId"] for one in CONTENTS["recordings"]} | {CONTENTS["media"]}
    assert set(firm.search(pageSize=1000)) == sent
    assert list(check_counts(firm.archive)) == []
    assert firm.search(freeText="zirconium") == ["spaced"]
    body = {"thirdPartyId": CONTENTS["media"], "format": "raw"}
    played = firm.call("POST", "/client/recording.playBackByThirdPartyId", body)
    assert played.content.startswith(b"RIFF")
    check_what_hangs_on_a_recording(firm)
    check_people(firm)
    firm.work()
    assert firm.search(freeText="zirconium") == ["spaced"]  # by the rebuilt index
    assert firm.search(freeText="👍") == ["approval"]
    assert firm.ingest(thirdPartyId="new") > len(sent)


def check_what_hangs_on_a_recording(firm: Firm) -> None:
    [found] = [one for one in searched(firm) if one["thirdPartyId"] == "plain"]
    assert found["tags"] == ["Straße", "Second"]
    assert found["dataGroups"] == {"Department": "Support", "Desk": "FX"}
    assert [one["name"] for one in found["legalHolds"]] == ["Enquiry 14"]
    [comment] = firm.get("/client/recording/comment", recordingId=found["interactionId"])
    assert comment["comment"] == "Looked at."
    for path, name in (("playlist", "Good examples"), ("accessPolicy", "FX"), ("retentionGroup", "Long")):
        assert name in str(firm.get(f"/admin/{path}"))
    assert "inflightCall" in str(firm.get("/admin/endpoint", pageSize=1000))


def searched(firm: Firm) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = firm.post("/client/recording.search", {"pageSize": 1000})["recordings"]
    return found


def check_people(firm: Firm) -> None:
    """They are found as they are typed."""
    for typed in ("mary-jane", "o'neill", "ONEILL"):
        prefix = {"prefix": typed, "personType": "staff"}
        [found] = firm.post("/client/people.searchByName", prefix)["persons"]
        assert found["fullName"] == "Mary‑Jane O’Neill"


@each([one for one in REVISIONS if one < LOOK_ALIKES_FOLDED_IN])
def test_users_who_look_alike_stay_apart_in_an_upgraded_archive(upgraded: Firm) -> None:
    firm, one, other = upgraded, "rené", "rene\u0301"
    private = {sent["thirdPartyId"] for sent in CONTENTS["recordings"] if sent.get("isPrivate")}
    assert private
    assert private <= set(firm.search(as_user=one, pageSize=1000))
    assert private.isdisjoint(firm.search(as_user=other, pageSize=1000))
    for username in ("ren\u00e9", "RENE\u0301", "re\u200bné", "JANE"):
        body: dict[str, Any] = {"username": username, "rolesAndRights": []}
        assert firm.call("POST", "/admin/user", body).status_code == 409
    firm.keys["jane"] = firm.keys["ｊane"]
    assert firm.search(as_user="jane") != []
