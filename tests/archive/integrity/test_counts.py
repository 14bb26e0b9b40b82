"""Wrong counts of recordings are noticed by `verify`, and corrected by `db recount`."""

import pytest
from sqlalchemy import delete, insert, update

from earwitness.archive.integrity.counts import check_counts
from earwitness.archive.schema.recordings import legal_holds, playlists, recording_counts
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, call

_HERE = recording_counts.c
_SPURIOUS = {"days": 32, "starts_at": 0, "type": "fax", "direction": "In", "is_private": False}
DAMAGE = {
    "too many": update(recording_counts).where(_HERE.days == 1024).values(recordings=_HERE.recordings + 1),
    "missing": delete(recording_counts).where(_HERE.days == 1, _HERE.type == "teams"),
    "none": delete(recording_counts),
    "of nothing": insert(recording_counts).values(recordings=7, **_SPURIOUS),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_wrong_counts_are_noticed_and_corrected(firm: Firm, damage: str) -> None:
    for number, (day, type_) in enumerate([("11", "phone"), ("12", "phone"), ("12", "teams")]):
        start, end = (f"2026-05-{day}T10:30:0{second}Z" for second in (0, 1))
        told = call(thirdPartyId=f"call-{number}", type=type_, startDatetimeUTC=start, endDatetimeUTC=end)
        firm.ingest(**told)
    assert run_json(firm.settings, "db", "recount", CLIENT_ID) == {"days": 0, "collections": 0}
    with firm.archive.write() as connection:
        connection.execute(DAMAGE[damage])
    [found] = run_json(firm.settings, "verify", CLIENT_ID, exit_code=1)["damaged"]
    assert found["kind"] == "recording_counts"
    assert f"earwitness db recount {CLIENT_ID}" in found["reason"]
    assert "anew" in run(firm.settings, "db", "recount", CLIENT_ID).stdout
    assert list(check_counts(firm.archive)) == []
    found = firm.post("/client/recording.search", {"dateTimeRange": {"from": "2026-05-12"}})
    assert found["total"] == 2


def test_wrong_counts_of_holds_and_playlists_are_found_and_corrected(firm: Firm) -> None:
    ids = [firm.ingest(thirdPartyId=name) for name in ("a", "b")]
    paths = ["/admin/legalHold", "/admin/playlist"]
    for path in paths:
        firm.post(path, {"name": "All", "interactionIds": ids})
    assert list(check_counts(firm.archive)) == []
    with firm.archive.write() as connection:
        for table in (legal_holds, playlists):
            connection.execute(update(table).values(recordings=7))
    assert len(list(check_counts(firm.archive))) == 2
    assert run_json(firm.settings, "db", "recount", CLIENT_ID) == {"days": 0, "collections": 2}
    assert [firm.get(path)[0]["total"] for path in paths] == [2, 2]
    assert list(check_counts(firm.archive)) == []
