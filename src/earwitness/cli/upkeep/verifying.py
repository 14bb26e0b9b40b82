"""earwitness verify: checks media and databases, and names what was lost."""

import secrets
from collections.abc import Iterator
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from sqlalchemy.exc import DBAPIError

from earwitness.archive.accounts.accounts import Archive
from earwitness.archive.integrity.databases import check_databases
from earwitness.archive.integrity.findings import Broken, Damage, NotChecked, damage_in, noticing
from earwitness.archive.integrity.objects import Checked, Sample, check, count_objects, orphans
from earwitness.archive.ledger import ledger
from earwitness.archive.receipts.alarm import accept, settle
from earwitness.archive.receipts.compare import compare
from earwitness.archive.receipts.written import Receipt
from earwitness.cli.operator import action
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json
from earwitness.cli.upkeep.missing_keys import MissingKeys
from earwitness.kernel.clock import format_ms


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = 0.0
    if not 0 < share <= 1:
        raise typer.BadParameter("expected a share like 5% or 0.05")
    return share


Share = Annotated[
    float,
    typer.Option("--sample", parser=_share, metavar="SHARE", help="Check only a random share, such as 5%."),
]
Minutes = Annotated[
    float | None, typer.Option("--minutes", min=0.01, help="Stop after this time; start at a random object.")
]
Seed = Annotated[
    str, typer.Option("--seed", help="Make the same choice as an earlier run, which printed its seed.")
]
AcceptMissing = Annotated[
    bool, typer.Option("--accept-missing", help="End the alarm for what is missing, and check nothing.")
]


def verify(
    client_id: ClientId,
    sample: Share = "100%",  # type: ignore[assignment]
    minutes: Minutes = None,
    seed: Seed = "",
    accept_missing: AcceptMissing = False,
    as_json: AsJson = False,
) -> None:
    """Check every media object and the databases of an account; exit 1 on any damage.

    Acknowledged recordings that are gone are named, so that their sources can send them again. If a
    key-encryption key is missing, its objects cannot be checked: the key is named, apart from damage, and
    the exit code is 1. With --sample or --minutes only some media is checked, different objects each time,
    and neither databases nor orphans.
    """
    if accept_missing:
        _accept_missing(client_id, as_json)
        return
    chosen = Sample(seed or secrets.token_hex(4), sample, anywhere=minutes is not None)
    report = _Report(as_json)
    try:
        with opened(as_json) as accounts:
            archive = accounts.open(client_id)
            _check_all(archive, report, chosen, minutes)
    except DBAPIError as error:
        if (reason := damage_in(error)) is None:
            raise
        report.result["isComplete"] = False
        report.add(Damage("the directory of accounts or the account", f"It cannot be read: {reason}."))
    report.sum_up()
    if report.is_damaged:
        raise typer.Exit(1)


class _Report:
    """The findings of a check, printed as they are found."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        self.missing_keys = MissingKeys()
        self.result: dict[str, Any] = {
            "verified": 0,
            "bytes": 0,
            "isComplete": True,
            "damaged": [],
            "missing": [],
            "missingKeys": [],
            "notChecked": [],
            "orphaned": None,
        }

    @property
    def is_damaged(self) -> bool:
        return any(self.result[part] for part in ("damaged", "missing", "missingKeys", "orphaned"))

    def add(self, finding: Damage | NotChecked) -> None:
        if isinstance(finding, NotChecked):
            if finding.reason not in self.result["notChecked"]:
                self.result["notChecked"].append(finding.reason)
                self._say(finding.reason)
            return
        self.add_damage(finding.told())

    def add_damage(self, damage: dict[str, Any]) -> None:
        self.result["damaged"].append(damage)
        ids = damage["interactionId"], damage["thirdPartyId"]
        of = "" if ids == (None, None) else f" of interactionId {ids[0]}, thirdPartyId {ids[1]}"
        self._say(f"{damage['damage']}: {damage['kind']}{of}: {damage['reason']}")

    def add_missing(self, missing: list[Receipt]) -> None:
        self.result["missing"] = [_receipt_as_json(one) for one in missing]
        for one in missing:
            self._say(
                f"missing: {_named(one)}, acknowledged at {format_ms(one.acknowledged_at)}:"
                " its source has to send it again"
            )

    def add_orphan(self, name: str) -> None:
        self.result["orphaned"].append(name)
        self._say(f"orphaned: {name} belongs to no recording")

    def sum_up(self) -> None:
        self.result["missingKeys"] = self.missing_keys.as_json()
        if self.as_json:
            tell_json(self.result)
            return
        self.missing_keys.say()
        result, gibibytes = self.result, self.result["bytes"] / (1 << 30)
        orphaned = "" if result["orphaned"] is None else f", {len(result['orphaned'])} orphaned"
        say(
            f"Verified {result['verified']} objects, {gibibytes:.1f} GiB:"
            f" {len(result['damaged'])} damaged or missing{orphaned}."
        )
        if result["orphaned"] is not None:
            say("The databases were checked too.")
        if result["missing"]:
            count = len(result["missing"])
            say(f"{count} acknowledged recordings, or parts of them, are missing.")
            say("--accept-missing ends this alarm.")
        if not result["isComplete"]:
            say("Not all objects were checked.")
        if "seed" in result:
            say(f"The databases were not checked. --seed {result['seed']} makes the same choice again.")

    def _say(self, text: str) -> None:
        if not self.as_json:
            say(text)


def _check_all(archive: Archive, report: _Report, sample: Sample, minutes: float | None) -> None:
    _check_receipts(archive, report)
    is_whole = sample.share == 1 and minutes is None
    if is_whole:
        for finding in check_databases(archive):
            report.add(finding)
    else:
        report.result["seed"] = sample.seed
    try:
        with noticing():
            _check_media(archive, report, sample, minutes)
            if is_whole:
                report.result["orphaned"] = []
                for name in list(orphans(archive)):
                    if archive.store.exists(name):  # else it was being removed
                        report.add_orphan(name)
    except Broken as broken:
        report.result["isComplete"] = False
        report.add(Damage("media_objects", f"It cannot be read, so media was not checked: {broken}."))


def _check_receipts(archive: Archive, report: _Report) -> None:
    try:
        with noticing():
            damaged = compare(archive.engine, archive.client_id, archive.receipts, whole=True)
            report.add_missing(settle(archive.engine, archive.receipts))
    except Broken as broken:
        report.add(Damage("recordings", f"What was acknowledged cannot be looked up: {broken}."))
        return
    except OSError as error:
        report.add(NotChecked(f"What was acknowledged is not known: receipts: {error.strerror}."))
        return
    if damaged:
        report.add(NotChecked(f"{damaged} lines of receipts are torn or damaged, and were not compared."))


def _check_media(archive: Archive, report: _Report, sample: Sample, minutes: float | None) -> None:
    end = None if minutes is None else monotonic() + minutes * 60
    for checked in _shown(archive, sample, report.as_json):
        if checked.size_bytes is not None:
            report.result["verified"] += 1
            report.result["bytes"] += checked.size_bytes
        report.missing_keys.note(checked.missing_key)
        if checked.damage is not None:
            report.add_damage(checked.damage)
        if end is not None and monotonic() > end:
            report.result["isComplete"] = False
            break


def _shown(archive: Archive, sample: Sample, as_json: bool) -> Iterator[Checked]:
    console = Console(stderr=True)
    total = count_objects(archive)
    checking = check(archive, sample)
    return iter(track(checking, "Verifying", total=total, console=console, transient=True, disable=as_json))


def _accept_missing(client_id: int, as_json: bool) -> None:
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        settle(archive.engine, archive.receipts)
        accepted = accept(archive.receipts)
        by = action("verify", "Accept that recordings are missing")
        with archive.write(locked=False) as connection:  # not locked: it only adds rows to the ledger
            ledger.append(connection, by, [_entry(one) for one in accepted])
    if as_json:
        tell_json({"accepted": [_receipt_as_json(one) for one in accepted]})
        return
    for one in accepted:
        say(f"accepted: {_named(one)}")
    say(f"Accepted {len(accepted)} as lost." if accepted else "Nothing is missing.")


def _named(receipt: Receipt) -> str:
    return f"{receipt.part} of interactionId {receipt.interaction_id}, thirdPartyId {receipt.third_party_id}"


def _entry(receipt: Receipt) -> ledger.Entry:
    metadata: dict[str, object] = {"missing": receipt.part, "thirdPartyId": receipt.third_party_id}
    return ledger.Entry(receipt.interaction_id, metadata=metadata)


def _receipt_as_json(receipt: Receipt) -> dict[str, Any]:
    return {
        "part": receipt.part,
        "interactionId": receipt.interaction_id,
        "thirdPartyId": receipt.third_party_id,
        "acknowledgedAt": format_ms(receipt.acknowledged_at),
    }
