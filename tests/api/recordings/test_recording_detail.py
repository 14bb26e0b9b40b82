"""POST /client/recording.detail.get for many recordings at once."""

from bench.statements import statements_of

from tests.firm import Firm, endpoint


def test_many_recordings_take_as_many_statements_as_one(firm: Firm) -> None:
    everybody = [
        firm.ingest(thirdPartyId=f"call-{n}", endpoints=[endpoint(f"44{n}", subject=True)]) for n in range(9)
    ]
    counts: list[int] = []
    firm.post("/client/recording.detail.get", {"interactionIds": everybody})
    for wanted in everybody[:1], everybody:
        with statements_of(firm.archive.engine) as asked:
            details = firm.post("/client/recording.detail.get", {"interactionIds": wanted})
        assert [detail["interactionId"] for detail in details] == wanted
        counts.append(len(asked))
    assert counts[0] == counts[1] > 0
