"""POST /client/recording.detail.get for many recordings at once."""

from typing import Any

from sqlalchemy import event

from tests.firm import Firm, endpoint


def test_many_recordings_take_as_many_statements_as_one(firm: Firm) -> None:
    everybody = [
        firm.ingest(thirdPartyId=f"call-{n}", endpoints=[endpoint(f"44{n}", subject=True)]) for n in range(9)
    ]
    asked: list[str] = []

    def remember(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    engine = firm.archive.engine
    counts: list[int] = []
    firm.post("/client/recording.detail.get", {"interactionIds": everybody})
    event.listen(engine, "before_cursor_execute", remember)
    for wanted in everybody[:1], everybody:
        asked.clear()
        details = firm.post("/client/recording.detail.get", {"interactionIds": wanted})
        assert [detail["interactionId"] for detail in details] == wanted
        counts.append(len(asked))
    event.remove(engine, "before_cursor_execute", remember)
    assert counts[0] == counts[1]
