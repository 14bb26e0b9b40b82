"""The audit at the end of a run: everything that was acknowledged must be there, whole and processed."""

import random
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import func, select

from bench.soak_client import Acknowledged, Client
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.schema.recordings import recordings, transcripts
from earwitness.archive.schema.vault import media_objects, waveforms
from earwitness.archive.schema.work import audit_headers, audit_rows
from earwitness.kernel.settings import Settings

_CHUNK = 500
_READERS = 4

Known = Mapping[str, Acknowledged]


class Auditable(Protocol):
    """An installation: its URL, its settings, and its command."""

    @property
    def url(self) -> str: ...

    @property
    def environment(self) -> Mapping[str, str]: ...

    def command(self, *words: object) -> Any: ...


@dataclass(slots=True)
class Findings:
    """What was counted, in order, and what is wrong, in words and by thirdPartyId.

    `lost`: acknowledged, but not found, or it plays other bytes. `doubled`: in the archive more than once.
    `stuck`: in the archive, but never processed.
    """

    counts: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    doubled: set[str] = field(default_factory=set)
    stuck: set[str] = field(default_factory=set)

    def expect(self, name: str, count: int, expected: int) -> None:
        self.counts[name] = count
        if count != expected:
            self.wrong.append(f"{name}: {count:,}, expected {expected:,}")


def audit(
    server: Auditable,
    credentials: dict[str, Any],
    acknowledged: Known,
    unanswered: Known,
    *,
    settle_minutes: float,
) -> Findings:
    """Wait for the jobs to end, then compare the archive with what was acknowledged."""
    findings = Findings({"acknowledged": len(acknowledged), "never answered": len(unanswered)})
    client_id = credentials["clientId"]
    left = _settle(server, client_id, settle_minutes * 60)
    with Client(server.url, credentials, random.Random(1)) as client:
        found: dict[str, int] = {}
        for names in _chunks([*acknowledged, *unanswered]):
            found |= client.search({"thirdPartyIds": {"include": names}}) or {}
        findings.counts["of these, there"] = len(set(found) & set(unanswered))
        whole = [one for one in acknowledged.values() if found.get(one.third_party_id) == one.interaction_id]
        findings.expect("found", len(whole), len(acknowledged))
        findings.lost = set(acknowledged) - {one.third_party_id for one in whole}
        there = [*whole, *(unanswered[name] for name in set(found) & set(unanswered))]
        with_media = [one for one in there if one.sha256]
        exact = _played(server, credentials, with_media)
        findings.expect("played bit for bit", len(exact), len(with_media))
        findings.lost |= {one.third_party_id for one in with_media} - exact
    _look_inside(server, client_id, findings, there)
    verified = server.command("verify", client_id)
    findings.expect("damaged", len(verified["damaged"]), 0)
    findings.expect("orphaned", len(verified["orphaned"]), 0)
    findings.expect("lost", len(findings.lost & set(acknowledged)), 0)
    findings.expect("stuck", left, 0)
    for job in server.command("jobs", "list", client_id) if left else []:
        findings.wrong.append(f"job of {job['thirdPartyId']} is {job['state']}: {job['log'][-1:]}")
    return findings


def _settle(server: Auditable, client_id: int, seconds: float) -> int:
    """Wait until no job is left but dead ones, or the time is up. Returns how many are left."""
    deadline = time.monotonic() + seconds
    while True:
        accounts = server.command("status")["accounts"]
        [account] = [one for one in accounts if one["clientId"] == client_id]
        left = sum(account["jobs"].values())
        if left == account["jobs"]["dead"] or time.monotonic() > deadline:
            return int(left)
        time.sleep(1)


def _played(server: Auditable, credentials: dict[str, Any], wanted: list[Acknowledged]) -> set[str]:
    """The thirdPartyIds of the recordings that play back bit for bit."""

    def play(part: list[Acknowledged]) -> set[str]:
        with Client(server.url, credentials, random.Random(len(part))) as client:
            return {one.third_party_id for one in part if client.play(one) is True}

    with ThreadPoolExecutor(_READERS) as readers:
        return set().union(*readers.map(play, (wanted[number::_READERS] for number in range(_READERS))))


def _look_inside(server: Auditable, client_id: int, findings: Findings, there: list[Acknowledged]) -> None:
    """Check in the database that only what was sent is there, in the ledger, and processed exactly once."""
    with_media = {one.third_party_id for one in there if one.sha256}
    accounts = Accounts(Settings.from_environment(server.environment))
    with accounts.open(client_id).read() as connection:
        columns = (recordings.c.third_party_id, recordings.c.status, recordings.c.source)
        rows = connection.execute(select(*columns)).all()
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
    times = Counter(row.source for row in rows)
    findings.doubled = {one.third_party_id for one in there if times[one.word] > 1}
    findings.expect("in the archive", len(rows), len(there))
    findings.expect("in the ledger", int(arrivals or 0), len(status))
    done = [name for name in with_media if status.get(name) in ("processed", "undecodable")]
    findings.expect("processed", len(done), len(with_media))
    findings.stuck = with_media - set(done)
    audible = sum(status[name] == "processed" for name in done)
    findings.expect("mp3s", counts["mp3s"], audible)
    findings.expect("waveforms", counts["waveforms"], audible)
    findings.expect("transcripts", counts["transcripts"], len(status))
    findings.counts["of these, made here"] = int(heard or 0)


def _chunks(names: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(names), _CHUNK):
        yield names[start : start + _CHUNK]
