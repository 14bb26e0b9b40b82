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
    assert firm.app.state.installation.accounts.outdated() == []


def test_an_upgraded_archive_finds_what_was_said(upgraded: tuple[str, Firm]) -> None:
    _, firm = upgraded
    assert firm.search(freeText="zirconium") == ["spaced"]


def test_an_upgraded_archive_plays_what_it_has(upgraded: tuple[str, Firm]) -> None:
    revision, firm = upgraded
    body = {"thirdPartyId": contents_of(revision)["media"], "format": "raw"}
    played = firm.call("POST", "/client/recording.playBackByThirdPartyId", body)
    assert played.content.startswith(b"RIFF")
