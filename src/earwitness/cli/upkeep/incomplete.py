"""earwitness incomplete: recordings whose media is not whole."""

from earwitness.archive.recordings.incomplete import list_not_whole
from earwitness.cli.output import AsJson, ClientId, opened, say, tell_json


def incomplete(client_id: ClientId, as_json: AsJson = False) -> None:
    """List recordings whose media could not be decoded as a whole, and what is missing.

    What could be decoded is played, and `raw` is the original.
    """
    with opened(as_json) as accounts, accounts.open(client_id).read() as connection:
        rows = list(list_not_whole(connection))
    if as_json:
        tell_json(rows)
    else:
        for row in rows:
            named = f"{row['interactionId']} ({row['thirdPartyId']}, {row['startDatetimeUTC']})"
            say(f"{named}: {row['notDecoded']}.")
        if not rows:
            say("All recordings are whole.")
