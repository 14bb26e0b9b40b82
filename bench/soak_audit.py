"""The audit at the end of a soak: everything that was acknowledged is there, whole and processed."""

import random
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import func, select

from bench.soak_client import Acknowledged, Client
from bench.soak_server import CLIENT_ID, Server
from earwitness.archive.accounts import Accounts
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.vault import media_objects, waveforms
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.settings import Settings

_CHUNK = 500
_READERS = 4

Known = Mapping[str, Acknowledged]


@dataclass(slots=True)
class Findings:
    """What was counted, in order, and what is wrong."""

    counts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)

    def expect(self, name: str, count: int, expected: int) -> None:
        self.counts[name] = count
        if count != expected:
            self.wrong.append(f"{name}: {count:,}, expected {expected:,}")


def audit(
    server: Server,
    credentials: dict[str, Any],
    acknowledged: Known,
    unanswered: Known,
    *,
    settle_minutes: float,
) -> Findings:
    """Wait for the jobs to end, then hold the archive to what was acknowledged."""
    findings = Findings({"acknowledged": len(acknowledged), "never answered": len(unanswered)})
    left = _settle(server, settle_minutes * 60)
    with Client(server.url, credentials, random.Random(1)) as client:
        found: dict[str, int] = {}
        for names in _chunks([*acknowledged, *unanswered]):
            found |= client.search({"thirdPartyIds": {"include": names}}) or {}
        findings.counts["of these, there"] = len(set(found) & set(unanswered))
        whole = [one for one in acknowledged.values() if found.get(one.third_party_id) == one.interaction_id]
        findings.expect("found", len(whole), len(acknowledged))
        there = [*whole, *(unanswered[name] for name in set(found) & set(unanswered))]
        with_media = [one for one in there if one.sha256]
        exact = _played(server, credentials, with_media)
        findings.expect("played bit for bit", exact, len(with_media))
    _look_inside(server, findings, len(found), {one.third_party_id for one in with_media})
    verified = server.command("verify", CLIENT_ID)
    findings.expect("damaged", len(verified["damaged"]), 0)
    findings.expect("orphaned", len(verified["orphaned"]), 0)
    findings.expect("lost", len(acknowledged) - len(whole), 0)
    findings.expect("stuck", left, 0)
    for job in server.command("jobs", "list", CLIENT_ID) if left else []:
        findings.wrong.append(f"job of {job['thirdPartyId']} is {job['state']}: {job['log'][-1:]}")
    return findings


def _settle(server: Server, seconds: float) -> int:
    """Wait until no job is left, and answer how many are."""
    deadline = time.monotonic() + seconds
    while True:
        [account] = server.command("status")["accounts"]
        left = sum(account["jobs"].values())
        if left == account["jobs"]["dead"] or time.monotonic() > deadline:
            return int(left)
        time.sleep(1)


def _played(server: Server, credentials: dict[str, Any], wanted: list[Acknowledged]) -> int:
    def play(part: list[Acknowledged]) -> int:
        with Client(server.url, credentials, random.Random(len(part))) as client:
            return sum(client.play(one) is True for one in part)

    with ThreadPoolExecutor(_READERS) as readers:
        return sum(readers.map(play, (wanted[number::_READERS] for number in range(_READERS))))


def _look_inside(server: Server, findings: Findings, there: int, with_media: set[str]) -> None:
    """Nothing is there that was never sent, the ledger has every arrival, and all is processed, once."""
    accounts = Accounts(Settings.from_environment(server.environment))
    with accounts.open(CLIENT_ID).read() as connection:
        rows = connection.execute(select(recordings.c.third_party_id, recordings.c.status))
        status = {row[0]: row[1] for row in rows}
        arrivals = connection.scalar(
            select(func.count(audit_rows.c.entity_id.distinct()))
            .join(audit_headers, audit_headers.c.id == audit_rows.c.audit_header_id)
            .where(audit_headers.c.route == "/ingest/recording", audit_rows.c.response_code == 201)
        )
        heard = connection.scalar(select(func.count()).where(transcripts.c.engine.is_not(None)))
        made = {
            "mp3s": select(func.count()).where(media_objects.c.kind == "mp3"),
            "waveforms": select(func.count()).select_from(waveforms),
            "transcripts": select(func.count()).select_from(transcripts),
        }
        counts = {name: int(connection.scalar(query) or 0) for name, query in made.items()}
    accounts.close()
    findings.expect("in the archive", len(status), there)
    findings.expect("in the ledger", int(arrivals or 0), len(status))
    done = [name for name in with_media if status.get(name) in ("processed", "undecodable")]
    findings.expect("processed", len(done), len(with_media))
    audible = sum(status[name] == "processed" for name in done)
    findings.expect("mp3s", counts["mp3s"], audible)
    findings.expect("waveforms", counts["waveforms"], audible)
    findings.expect("transcripts", counts["transcripts"], len(status))
    findings.counts["of these, made here"] = int(heard or 0)


def _chunks(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]
