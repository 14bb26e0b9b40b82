"""If media is not whole, the detail, the log of the job and commands say what is missing."""

from typing import Any

from sqlalchemy import text, update

from earwitness.archive.jobs import queue
from earwitness.archive.recordings.incomplete import count_not_whole
from earwitness.archive.schema.recordings import NOT_WHOLE, recordings
from tests.cli.running import run, run_json
from tests.firm import CLIENT_ID, Firm, tone

CUT = tone(5.0)[: 44 + int(3.1 * 16000)]
SAID = "1.9 s of sound that the header promises are missing"
NEITHER = "neither sound nor picture could be decoded"


def raw(firm: Firm, interaction_id: int) -> Any:
    (found,) = firm.post("/client/recording.detail.get", {"interactionIds": [interaction_id]})
    return found["metadata"]["sourceFileDetail"]["raw"]


def test_the_detail_says_what_could_not_be_decoded(firm: Firm) -> None:
    cut = firm.ingest(CUT, thirdPartyId="cut")
    nothing = firm.ingest(b"no sound", thirdPartyId="nothing")
    whole = firm.ingest(tone(1.0), thirdPartyId="whole")
    assert raw(firm, cut) == {"fileSize": len(CUT)}
    firm.work()
    assert raw(firm, cut) == {"fileSize": len(CUT), "complete": False, "notDecoded": SAID}
    assert raw(firm, nothing) == {"fileSize": 8, "complete": False, "notDecoded": NEITHER}
    assert raw(firm, whole) == {"fileSize": len(tone(1.0))}


def test_the_log_of_the_job_says_it_too(firm: Firm) -> None:
    firm.ingest(CUT)
    firm.work()
    with firm.archive.read() as connection:
        (job,) = queue.list_jobs(connection, done=True)
    log: Any = job["log"]
    assert [line["text"] for line in log] == [f"Not decoded: {SAID}."]


def test_status_counts_them_and_a_command_lists_them(firm: Firm) -> None:
    cut = firm.ingest(CUT, thirdPartyId="cut")
    nothing = firm.ingest(b"no sound", thirdPartyId="nothing")
    firm.ingest(tone(1.0), thirdPartyId="whole")
    firm.ingest(thirdPartyId="without media")
    assert "All recordings are whole." in run(firm.settings, "incomplete", CLIENT_ID).output
    firm.work()
    (account,) = run_json(firm.settings, "status")["accounts"]
    assert (account["incomplete"], account["undecodable"]) == (1, 1)
    shown = run(firm.settings, "status").output
    assert f"`earwitness incomplete {CLIENT_ID}` lists them." in " ".join(shown.split())
    listed: Any = run_json(firm.settings, "incomplete", CLIENT_ID)
    assert [(one["interactionId"], one["thirdPartyId"], one["notDecoded"]) for one in listed] == [
        (cut, "cut", SAID),
        (nothing, "nothing", NEITHER),
    ]
    assert SAID in run(firm.settings, "incomplete", CLIENT_ID).output


def test_recordings_measured_before_reasons_were_kept_are_counted_and_listed(firm: Firm) -> None:
    cut = firm.ingest(CUT)
    firm.work()
    with firm.archive.write() as connection:
        measured = dict(connection.execute(recordings.select()).one().measurement)
        del measured["not_decoded"], measured["decoder_version"]
        connection.execute(update(recordings).values(measurement=measured))
        assert count_not_whole(connection) == {"incomplete": 1, "undecodable": 0}
    assert raw(firm, cut)["notDecoded"] == "a part of it is damaged or missing"


def test_incomplete_recordings_are_counted_without_reading_all(firm: Firm) -> None:
    with firm.archive.read() as connection:
        dialect = connection.dialect.name
        counted = f"SELECT status, count(*) FROM recordings WHERE ({NOT_WHOLE[dialect]}) GROUP BY status"
        if dialect == "postgresql":
            connection.execute(text(f"SET LOCAL search_path TO account_{CLIENT_ID}"))
            connection.execute(text("SET LOCAL enable_seqscan = off"))
            explained = connection.execute(text(f"EXPLAIN {counted}"))
        else:
            explained = connection.execute(text(f"EXPLAIN QUERY PLAN {counted}"))
        assert "recordings_not_whole" in " ".join(str(row) for row in explained)


def test_an_mp3_that_counts_its_frames_says_when_it_was_cut_off(firm: Firm) -> None:
    firm.ingest(tone(5.0), thirdPartyId="source")
    firm.work()
    asked = {"thirdPartyId": "source", "format": "mp3"}
    whole = firm.call("POST", "/client/recording.playBackByThirdPartyId", json=asked).content
    cut, tagged = whole[: len(whole) // 2], b"ID3\x04\0\0\0\0\0\x0a" + bytes(10) + whole
    ids = [firm.ingest(media, thirdPartyId=str(one)) for one, media in enumerate((cut, tagged, whole * 2))]
    firm.work()
    said = "2.5 s of sound that the header promises are missing"
    assert raw(firm, ids[0]) == {"fileSize": len(cut), "complete": False, "notDecoded": said}
    assert raw(firm, ids[1]) == {"fileSize": len(tagged)}
    assert raw(firm, ids[2]) == {"fileSize": 2 * len(whole)}
