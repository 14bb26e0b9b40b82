"""earwitness verify: media objects are read back and checked."""

import secrets
from collections.abc import Iterator
from time import monotonic
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track

from earwitness.archive.accounts import Archive
from earwitness.archive.verification import Checked, Sample, check, count_objects, orphans
from earwitness.cli.missing_keys import MissingKeys
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json


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


def verify(
    client_id: ClientId,
    sample: Share = "100%",  # type: ignore[assignment]
    minutes: Minutes = None,
    seed: Seed = "",
    as_json: AsJson = False,
) -> None:
    """Read back and check every media object of an account; exit 1 on any damage.

    With --sample or --minutes only some are checked, different ones each time, and orphans are not reported.
    """
    chosen = Sample(seed or secrets.token_hex(4), sample, anywhere=minutes is not None)
    is_whole = sample == 1 and minutes is None
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        found = _check(archive, chosen, minutes, as_json)
        unnamed = [_tell_orphan(name, as_json) for name in orphans(archive)] if is_whole else None
    if not is_whole:
        found["seed"] = chosen.seed
    if as_json:
        tell_json(found | {"orphaned": unnamed})
    else:
        _sum_up(found, unnamed)
    if found["damaged"] or found["missingKeys"]:
        raise typer.Exit(1)


def _check(archive: Archive, sample: Sample, minutes: float | None, as_json: bool) -> dict[str, Any]:
    """Check, saying what is damaged as it is found."""
    found: dict[str, Any] = {"verified": 0, "bytes": 0, "isComplete": True, "damaged": []}
    missing = MissingKeys()
    end = None if minutes is None else monotonic() + minutes * 60
    for checked in _shown(archive, sample, as_json):
        if checked.size_bytes is not None:
            found["verified"] += 1
            found["bytes"] += checked.size_bytes
        missing.note(checked.missing_key)
        if checked.damage is not None:
            found["damaged"].append(checked.damage)
            _tell_damage(checked.damage, as_json)
        if end is not None and monotonic() > end:
            found["isComplete"] = False
            break
    if not as_json:
        missing.say()
    return found | {"missingKeys": missing.as_json()}


def _shown(archive: Archive, sample: Sample, as_json: bool) -> Iterator[Checked]:
    console = Console(stderr=True)
    total = count_objects(archive)
    checking = check(archive, sample)
    return iter(track(checking, "Verifying", total=total, console=console, transient=True, disable=as_json))


def _tell_damage(damage: dict[str, Any], as_json: bool) -> None:
    if not as_json:
        say(
            f"{damage['damage']}: {damage['kind']} of interactionId {damage['interactionId']},"
            f" thirdPartyId {damage['thirdPartyId']}: {damage['reason']}"
        )


def _tell_orphan(name: str, as_json: bool) -> str:
    if not as_json:
        say(f"orphaned: {name} belongs to no recording")
    return name


def _sum_up(found: dict[str, Any], unnamed: list[str] | None) -> None:
    orphaned = "" if unnamed is None else f", {len(unnamed)} orphaned"
    gibibytes = found["bytes"] / (1 << 30)
    say(
        f"Verified {found['verified']} objects, {gibibytes:.1f} GiB:"
        f" {len(found['damaged'])} damaged or missing{orphaned}."
    )
    if not found["isComplete"]:
        say("The time ran out before all objects were checked.")
    if "seed" in found:
        say(f"--seed {found['seed']} makes the same choice again.")
