from earwitness.kernel.rights import Right
from tests.firm import Firm

PLAYLIST = "/admin/playlist"
READER = "reader@example.com"


def test_a_playlist_is_made_changed_searched_and_ended(firm: Firm) -> None:
    first, second = firm.ingest(), firm.ingest(thirdPartyId="call-2")
    playlist_id = firm.post(PLAYLIST, {"name": "Good examples", "interactionIds": [first]})["id"]
    assert firm.search(playlistId=playlist_id) == ["call-1"]
    path = f"{PLAYLIST}/{playlist_id}"
    changed = firm.call("PUT", path, {"name": "Training", "interactionIds": [first, second]}).json()
    assert (changed["name"], changed["total"], changed["interactionIds"]) == ("Training", 2, [first, second])
    assert firm.search(playlistId=playlist_id, startTimeDirection="ASC") == ["call-1", "call-2"]
    assert firm.get(path) == changed
    assert firm.call("DELETE", path).is_success
    assert firm.get(PLAYLIST) == []
    assert firm.search(playlistId=playlist_id) == []
    log = firm.post("/client/recording/audit", {"recordingId": second})
    told = [row["metadata"] for row in log if row["route"] == f"{PLAYLIST}/{{id}}"]
    playlist = {"id": playlist_id, "name": "Training"}
    assert told == [
        {"playlist": playlist, "change": "added"},
        {"playlist": playlist, "change": "removed"},
    ]


def test_a_playlist_is_not_a_legal_hold(firm: Firm) -> None:
    firm.post(PLAYLIST, {"name": "Good examples", "interactionIds": [firm.ingest()]})
    assert firm.post("/client/recording.search", {})["recordings"][0]["legalHolds"] == []


def test_playlists_and_holds_are_counted_apart(firm: Firm) -> None:
    recording_id = firm.ingest()
    firm.post("/admin/legalHold", {"name": "Enquiry", "interactionIds": [recording_id]})
    playlist_id = firm.post(PLAYLIST, {"name": "Good examples"})["id"]
    assert playlist_id == 1
    assert firm.search(playlistId=1) == []
    assert firm.search(legalHoldId=1) == ["call-1"]


def test_each_call_needs_its_right(firm: Firm) -> None:
    firm.add_user(READER, [Right.PLAYLIST_VIEW])
    playlist_id = firm.post(PLAYLIST, {"name": "Good examples"})["id"]
    assert firm.get(PLAYLIST, as_user=READER)[0]["id"] == playlist_id
    assert firm.call("POST", PLAYLIST, {"name": "x"}, as_user=READER).status_code == 403
    assert firm.call("PUT", f"{PLAYLIST}/{playlist_id}", {"name": "x"}, as_user=READER).status_code == 403
    assert firm.call("DELETE", f"{PLAYLIST}/{playlist_id}", as_user=READER).status_code == 403
    assert firm.call("GET", "/admin/legalHold", as_user=READER).status_code == 403


def test_the_right_to_edit_allows_reading(firm: Firm) -> None:
    firm.add_user("editor@example.com", [Right.PLAYLIST_EDIT])
    one = firm.post(PLAYLIST, {"name": "x"}, as_user="editor@example.com")["id"]
    assert [listed["id"] for listed in firm.get(PLAYLIST, as_user="editor@example.com")] == [one]
    assert firm.get(f"{PLAYLIST}/{one}", as_user="editor@example.com")["name"] == "x"
