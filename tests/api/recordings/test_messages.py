"""SMS: the message, and what search shows of it."""

from typing import Any

from tests.firm import Firm, transcript

TEXT = "Sell  the bonds\nbefore noon."


def sms(firm: Firm, third_party_id: str, **metadata: Any) -> int:
    return firm.ingest(thirdPartyId=third_party_id, type="sms", **{"message": TEXT, **metadata})


def test_messages_are_answered_in_the_order_asked_and_those_of_sms_alone(firm: Firm) -> None:
    first = sms(firm, "sms-1", rawSmsIds=["a-1", "a-2"])
    call = firm.ingest(transcript=transcript("Sell."))
    second = sms(firm, "sms-2", message="", rawSmsIds=None)
    wanted = {"interactionIds": [second, 999, first, call, first]}
    assert firm.post("/client/recording.sms-message.get", wanted) == [
        {"interactionId": second, "message": "", "rawSmsIds": []},
        {"interactionId": first, "message": TEXT, "rawSmsIds": ["a-1", "a-2"]},
    ]


def test_search_shows_the_opening_of_a_message_whatever_was_asked(firm: Firm) -> None:
    sms(firm, "short")
    sms(firm, "long", message="word " * 100)
    for wanted in ({}, {"freeText": "before"}, {"freeText": "short"}):
        page = firm.post("/client/recording.search", {**wanted, "thirdPartyIds": {"include": ["short"]}})
        assert page["recordings"][0]["transcriptSnippet"] == "Sell the bonds before noon."
    page = firm.post("/client/recording.search", {"thirdPartyIds": {"include": ["long"]}})
    shown = page["recordings"][0]["transcriptSnippet"]
    assert len(shown) <= 200
    assert shown.startswith("word word")
    assert shown.endswith("…")
