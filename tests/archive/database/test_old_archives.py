"""Archives that earlier programs made are upgraded, and everything in them is found, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import DATABASES
from tests.firm import Firm
from tests.old_archives import REVISIONS, contents_of, old_firm


@pytest.fixture(
    params=[(revision, database) for revision in REVISIONS for database in DATABASES], ids="-".join
)
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, Firm]]:
    revision, database = request.param
    url = request.getfixturevalue("postgres_url") if database == "postgresql" else None
    with old_firm(revision, tmp_path, url) as firm:
        yield revision, firm


def test_an_upgraded_archive_has_all_its_recordings(upgraded: tuple[str, Firm]) -> None:
    revision, firm = upgraded
    contents = contents_of(revision)
    sent = {one["thirdPartyId"] for one in contents["recordings"]} | {contents["media"]}
    assert set(firm.search(pageSize=1000)) == sent


def test_an_upgraded_archive_finds_what_was_said(upgraded: tuple[str, Firm]) -> None:
    _, firm = upgraded
    assert firm.search(freeText="zirconium") == ["spaced"]


def test_an_upgraded_archive_plays_what_it_has(upgraded: tuple[str, Firm]) -> None:
    revision, firm = upgraded
    body = {"thirdPartyId": contents_of(revision)["media"], "format": "raw"}
    played = firm.call("POST", "/client/recording.playBackByThirdPartyId", body)
    assert played.content.startswith(b"RIFF")


def test_users_who_look_alike_stay_apart_in_an_upgraded_archive(upgraded: tuple[str, Firm]) -> None:
    revision, firm = upgraded
    one, other = "rené", "rene\u0301"
    recordings = contents_of(revision)["recordings"]
    private = {sent["thirdPartyId"] for sent in recordings if sent.get("isPrivate")}
    assert private
    assert private <= set(firm.search(as_user=one, pageSize=1000))
    assert private.isdisjoint(firm.search(as_user=other, pageSize=1000))
    for username in ("ren\u00e9", "RENE\u0301", "re\u200bné", "JANE"):
        assert (
            firm.call("POST", "/admin/user", {"username": username, "rolesAndRights": []}).status_code == 409
        )
    firm.keys["jane"] = firm.keys["ｊane"]
    assert firm.search(as_user="jane") != []


def test_people_of_an_upgraded_archive_are_found_as_they_are_typed(upgraded: tuple[str, Firm]) -> None:
    _, firm = upgraded
    for typed in ("mary-jane", "o'neill", "ONEILL"):
        wanted = {"prefix": typed, "personType": "staff"}
        [found] = firm.post("/client/people.searchByName", wanted)["persons"]
        assert found["fullName"] == "Mary‑Jane O’Neill"
