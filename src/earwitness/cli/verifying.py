"""earwitness verify: every media object is read back and checked."""

import typer
from rich.console import Console
from rich.progress import track

from earwitness.archive.verification import damage_of, objects_to_verify, orphans
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json


def verify(client_id: ClientId, as_json: AsJson = False) -> None:
    """Re-read and check every media object of an account; exit 1 on any damage."""
    with opened(as_json) as accounts:
        archive = accounts.open(client_id)
        objects = objects_to_verify(archive)
        shown = track(objects, "Verifying", console=Console(stderr=True), transient=True, disable=as_json)
        damaged = [damage for one in shown if (damage := damage_of(archive, one))]
        unnamed = orphans(archive)
    if as_json:
        tell_json({"verified": len(objects), "damaged": damaged, "orphaned": unnamed})
    else:
        for damage in damaged:
            say(
                f"{damage['damage']}: {damage['kind']} of interactionId {damage['interactionId']},"
                f" thirdPartyId {damage['thirdPartyId']}"
            )
        for name in unnamed:
            say(f"orphaned: {name} belongs to no recording")
        say(f"Verified {len(objects)} objects: {len(damaged)} damaged or missing, {len(unnamed)} orphaned.")
    if damaged:
        raise typer.Exit(1)
