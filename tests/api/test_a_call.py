from tests.firm import Firm, tone, transcript


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
