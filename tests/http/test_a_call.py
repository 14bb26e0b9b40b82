from typing import Any

from tests.firm import Firm, endpoint, tone, transcript


def test_a_call_is_taken_in_found_and_played(firm: Firm) -> None:
    media = tone(2.0, channels=2)
    interaction_id = firm.ingest(media, transcript=transcript("Please sell five hundred shares."))
    firm.work()
    assert firm.search(freeText="hundred shares") == ["call-1"]
    assert firm.search(freeText="bonds") == []
    response = firm.call(
        "POST", "/client/recording.playBackByThirdPartyId", {"thirdPartyId": "call-1", "format": "raw"}
    )
    assert response.content == media
    log = firm.post("/client/recording/audit", {"recordingId": interaction_id})
    assert [row["route"] for row in log] == ["/ingest/recording", "/client/recording.playBackByThirdPartyId"]


def test_a_page_shows_who_took_part_word_for_word_and_in_the_order_they_came(firm: Firm) -> None:
    names = ['Zoë "Zed" O\\Neil', "李 小龍 🎧", "tab\there\x7f\u2028", "Ann"]
    parts = [
        endpoint(f"44770090011{one}", originator=one == 2, subject=one == 1, user=name)
        | {"person": {"fullName": name, "email": f"{one}@example.com"}}
        for one, name in reversed(list(enumerate(names)))
    ]
    parts.append(endpoint("4", kind="teamsUserId"))
    others: dict[str, Any] = {
        "tags": ['"quoted"', "Zürich", "a"],
        "dataGroups": {"Büro": "¿2?"},
        "optional": {"é": [1.5, None]},
    }
    interaction_id = firm.ingest(endpoints=parts, **others)
    [shown] = firm.post("/client/recording.search")["recordings"]
    assert {name: shown[name] for name in others} == others
    assert [one["person"]["fullName"] for one in shown["endpoints"]] == [*names[::-1], ""]
    assert [one["user"] for one in shown["endpoints"]] == [*names[::-1], ""]
    assert [one["isOriginator"] for one in shown["endpoints"]] == [False, True, False, False, False]
    assert [one["isRecordingSubject"] for one in shown["endpoints"]] == [False, False, True, False, False]
    assert shown["endpoints"][-1]["person"] == {"id": None, "fullName": "", "email": None}
    [detail] = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    assert detail["metadata"]["endpoints"] == shown["endpoints"]
