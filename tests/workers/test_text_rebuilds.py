"""The text index of an archive of an earlier program is rebuilt while it serves, on both databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, select, update

from earwitness.archive.access.viewer import Viewer
from earwitness.archive.schema.text import text_rebuilds
from earwitness.archive.search.filters import RecordingSearch
from earwitness.archive.search.search import search
from earwitness.archive.upkeep import text_rebuild
from earwitness.kernel.clock import now_ms
from earwitness.kernel.rights import Right
from earwitness.workers.account_rotation import AccountRotation
from earwitness.workers.text_rebuilds import TextRebuilds
from tests.conftest import DATABASES
from tests.firm import ADMIN, CLIENT_ID, Firm, transcript
from tests.old_archives import old_firm

VIEWER = "viewer"
SHARES = "zirconium"


@pytest.fixture(params=DATABASES)
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Firm]:
    """A firm whose program has just been upgraded, and has done no work yet."""
    url = request.getfixturevalue("postgres_url") if request.param == "postgresql" else None
    with old_firm("0007", tmp_path, url) as firm:
        yield firm


def go_on(firm: Firm, worker: str = "one", at_once: int = 4) -> int | None:
    return text_rebuild.go_on(firm.archive, worker, text_rebuild.Pace(at_once))


def finish(firm: Firm) -> None:
    """Rebuild the rest, until searches use the new index."""
    while done(firm) is not None:
        go_on(firm)


def done(firm: Firm) -> int | None:
    with firm.archive.read() as connection:
        found = text_rebuild.progress(connection)
    return None if found is None else found.done


def change(firm: Firm, **values: int) -> None:
    with firm.archive.write() as connection:
        connection.execute(update(text_rebuilds).values(values))


def tables(firm: Firm) -> set[str]:
    with firm.archive.read() as connection:
        schema = f"account_{CLIENT_ID}" if connection.dialect.name == "postgresql" else None
        return set(inspect(connection).get_table_names(schema=schema))


def total(firm: Firm, asked: str, as_user: str = ADMIN) -> int:
    return int(firm.post("/client/recording.search", {"freeText": asked}, as_user=as_user)["total"])


def test_the_older_index_answers_as_it_did_until_the_new_one_is_whole(upgraded: Firm) -> None:
    everything = len(upgraded.search())
    for _ in range(3):
        assert done(upgraded) is not None
        assert upgraded.search(freeText=SHARES) == ["spaced"]
        assert total(upgraded, f"-{SHARES}") == everything - 1
        assert upgraded.call("POST", "/client/recording.search", {"freeText": "👍"}).status_code == 400
        go_on(upgraded)
    finish(upgraded)
    assert upgraded.search(freeText=SHARES) == ["spaced"]
    assert total(upgraded, f"-{SHARES}") == everything - 1
    assert upgraded.search(freeText="👍") == ["approval"]


def test_until_then_users_who_may_see_no_transcripts_find_no_recording_with_one(upgraded: Firm) -> None:
    listed = upgraded.post("/client/recording.search", {}, as_user=VIEWER)["recordings"]
    assert "" in {one["transcriptSnippet"] for one in listed if one["thirdPartyId"] == "spaced"}
    for asked in ("mary", SHARES, "-zebra", f"-{SHARES}", "m*", '"mary jane"', "spaced"):
        assert "spaced" in {*upgraded.search(freeText=asked), *upgraded.search(freeText=f"-({asked})")}
        found = upgraded.search(freeText=asked, as_user=VIEWER)
        assert "spaced" not in found, asked
        assert total(upgraded, asked, VIEWER) == len(found), asked
    finish(upgraded)
    for asked in ("mary", "-zebra", f"-{SHARES}", '"mary jane"', "spaced"):
        assert "spaced" in upgraded.search(freeText=asked, as_user=VIEWER), asked
    assert upgraded.search(freeText=SHARES, as_user=VIEWER) == []


def test_recordings_written_during_a_rebuild_are_found_before_and_after(upgraded: Firm) -> None:
    go_on(upgraded)
    assert done(upgraded) == 4
    times = {
        "early": "2026-01-05T08:00:00Z",
        "amid": "2026-01-05T13:30:00Z",
        "newest": "2026-05-05T08:00:00Z",
    }
    for name, start in times.items():
        upgraded.ingest(
            thirdPartyId=name, startDatetimeUTC=start, transcript=transcript(f"I said {name} gold.")
        )
    for name in ("plain", "private"):  # one is in the new index, the other is not yet
        path = f"/ingest/recording/{name}/transcript"
        assert upgraded.call("PUT", path, transcript("Later silver.")).is_success
        recording_id = next(
            one["interactionId"]
            for one in upgraded.post("/client/recording.search", {})["recordings"]
            if one["thirdPartyId"] == name
        )
        tagged = {"recordingId": recording_id, "tags": ["copper"]}
        assert upgraded.call("PUT", "/client/recording/tags", tagged).is_success
    (person,) = upgraded.post("/client/people.search", {"freeText": "mary"})["persons"]
    renamed = upgraded.call("PUT", f"/admin/person/{person['id']}", {"fullName": "Platinum Smith"})
    assert renamed.is_success

    def check() -> None:
        assert set(upgraded.search(freeText="gold")) == set(times)
        assert set(upgraded.search(freeText="silver copper")) == {"plain", "private"}
        assert upgraded.search(freeText='"platinum smith" zirconium') == ["spaced"]
        assert upgraded.search(freeText="neill zirconium") == []
        assert upgraded.search(freeText="Straße") == []

    check()
    finish(upgraded)
    check()
    assert set(upgraded.search(freeText="copper", as_user=VIEWER)) == {"plain"}
    assert upgraded.search(freeText="silver", as_user=VIEWER) == []
    assert total(upgraded, "-zebra") == len(upgraded.search()) == len(set(upgraded.search()))


def test_one_worker_at_a_time_goes_on_where_the_last_one_ended(upgraded: Firm) -> None:
    go_on(upgraded, "one")
    later = go_on(upgraded, "two")
    assert later is not None
    assert later > now_ms()
    assert done(upgraded) == 4
    change(upgraded, leased_until=now_ms() - 1)  # it was killed, and its lease ran out
    go_on(upgraded, "two")
    assert done(upgraded) == 8
    text_rebuild.give_back(upgraded.archive, "two")
    go_on(upgraded, "three")
    assert done(upgraded) == 12


def test_a_second_worker_does_not_delay_the_first(upgraded: Firm) -> None:
    accounts = upgraded.app.state.installation.accounts
    AccountRotation(accounts, "one").look_into(CLIENT_ID)
    first, second = (TextRebuilds(accounts, name, at_once=4) for name in ("one", "two"))
    for expected in (4, 8, 12):
        assert first.go_on()
        assert not second.go_on()
        assert done(upgraded) == expected
    first.give_back()
    other = TextRebuilds(accounts, "three", at_once=4)
    assert other.go_on()
    assert done(upgraded) == 14


def test_batches_adapt_so_that_other_writers_wait_briefly() -> None:
    pace = text_rebuild.Pace()
    began_with = pace.characters
    for _ in range(20):
        pace.learn(pace.characters, pace.characters / 400_000)  # as on a slow machine
    assert 19_000 <= pace.characters <= 21_000 < began_with
    for _ in range(20):
        pace.learn(pace.characters, pace.characters / 2_000_000)
    assert 90_000 <= pace.characters <= 110_000
    pace.learn(1_000, 0.001)  # the last of them say little
    assert pace.characters >= 45_000


def test_long_recordings_are_written_one_by_one(upgraded: Firm) -> None:
    text_rebuild.go_on(upgraded.archive, "one", text_rebuild.Pace(50, characters=1))
    assert done(upgraded) == 1


def test_a_search_sees_one_index_from_beginning_to_end(upgraded: Firm) -> None:

    with upgraded.archive.read() as begun:
        before = begun.scalar(select(text_rebuilds.c.next_position))
        finish(upgraded)
        assert begun.scalar(select(text_rebuilds.c.whole_at)) is None
        assert begun.scalar(select(text_rebuilds.c.next_position)) == before
        found = search(begun, RecordingSearch(free_text=SHARES), _reader())
        assert found.total == 1
    assert upgraded.search(freeText=SHARES) == ["spaced"]


def test_pages_continue_across_the_change_of_index(upgraded: Firm) -> None:
    asked = {"freeText": "-zebra", "pageSize": 5}
    first = upgraded.post("/client/recording.search", asked)
    finish(upgraded)
    pages = [first]
    for number in range(2, 5):
        token = pages[-1]["recordingsSearchToken"]
        pages.append(
            upgraded.post(
                "/client/recording.search", {**asked, "page": number, "recordingsSearchToken": token}
            )
        )
    ids = [one["thirdPartyId"] for page in pages for one in page["recordings"]]
    assert ids == upgraded.search()
    assert {page["total"] for page in pages} == {len(ids)}


def test_a_rebuild_ends_when_the_older_index_is_removed(upgraded: Firm) -> None:
    upgraded.work()
    assert done(upgraded) is None
    assert upgraded.search(freeText="👍") == ["approval"]
    assert "older_text" in tables(upgraded)  # a search may have begun with it
    change(upgraded, whole_at=now_ms() - text_rebuild.KEPT_FOR_READERS_MS)
    upgraded.work()
    assert not {name for name in tables(upgraded) if name.startswith("older_text")}
    with upgraded.archive.read() as connection:
        assert connection.execute(select(text_rebuilds)).all() == []
    upgraded.ingest(thirdPartyId="new", transcript=transcript("I said gold."))
    assert upgraded.search(freeText="gold") == ["new"]
    assert upgraded.search(freeText=SHARES) == ["spaced"]


def test_readers_do_not_wait_for_the_older_index_to_be_removed(upgraded: Firm) -> None:
    finish(upgraded)
    change(upgraded, whole_at=now_ms() - text_rebuild.KEPT_FOR_READERS_MS)
    with upgraded.archive.read() as reader:
        search(reader, RecordingSearch(free_text=SHARES), _reader())
        for _ in range(10):
            go_on(upgraded)
        assert search(reader, RecordingSearch(free_text=SHARES), _reader()).total == 1
    while go_on(upgraded) is not None:
        pass
    assert not {name for name in tables(upgraded) if name.startswith("older_text")}
    assert upgraded.search(freeText=SHARES) == ["spaced"]


def test_an_account_without_recordings_has_nothing_to_rebuild(firm: Firm) -> None:
    assert done(firm) is None
    assert not {name for name in tables(firm) if name.startswith("older_text")}


def _reader() -> Viewer:
    return Viewer(CLIENT_ID, 1, ADMIN, ADMIN, None, frozenset(Right), (), "")
