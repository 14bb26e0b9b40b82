"""How each table of an account is held against the log: one row for each, so that a new table is noticed."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from earwitness.archive.ledger.entity_states import ENTITY_ROWS
from earwitness.archive.schema.account import metadata


class How(StrEnum):
    LOGGED = "logged"
    """The log has a digest of what it says."""
    THE_LOG = "the log"
    """It is the log, or what its leaves are made of."""
    DERIVED = "derived"
    """It follows from tables that the log has digests of, and is compared with them."""
    MADE_AGAIN = "made again"
    """It is made of what the log has digests of, and can be made again. No evidence is lost with it."""
    TRANSIENT = "transient"
    """Work to be done, sessions, calls that go on: it is gone within days, and no evidence."""


@dataclass(frozen=True, slots=True)
class Coverage:
    how: How
    by: str
    """What notices a change of it, or why none has to be noticed."""


_PART = Coverage(How.LOGGED, "parts of recordings")
_ENTITY = Coverage(How.LOGGED, "states of what is no recording")
_LOG = Coverage(How.THE_LOG, "leaves, tiles and signed checkpoints")

COVERAGE: Mapping[str, Coverage] = {
    "recordings": _PART,
    "recording_endpoints": _PART,
    "recording_tags": _PART,
    "transcripts": _PART,
    "comments": _PART,
    "legal_hold_recordings": _PART,
    "playlist_recordings": _PART,
    "media_objects": Coverage(How.LOGGED, "the original: parts of recordings; `earwitness verify` reads all"),
    "recording_keys": Coverage(How.DERIVED, "`earwitness verify`: a key opens its media, or it does not"),
    "recording_data_groups": Coverage(How.DERIVED, "compared with the data groups of the recording"),
    "people": _ENTITY,
    "group_assignments": _ENTITY,
    "group_names": _ENTITY,
    "group_values": _ENTITY,
    "endpoints": _ENTITY,
    "users": _ENTITY,
    "user_roles_and_rights": _ENTITY,
    "user_policies": _ENTITY,
    "access_policies": _ENTITY,
    "api_keys": _ENTITY,
    "retention_groups": _ENTITY,
    "legal_holds": _ENTITY,
    "playlists": _ENTITY,
    "tags": _ENTITY,
    "account": _ENTITY,
    "recording_digests": Coverage(How.DERIVED, "compared with the digests in the log"),
    "entity_states": Coverage(How.DERIVED, "compared with the digests in the log"),
    "audit_headers": _LOG,
    "audit_rows": _LOG,
    "audit_changes": _LOG,
    "ledger_leaves": _LOG,
    "ledger_tiles": _LOG,
    "ledger_checkpoints": _LOG,
    "ledger_attestations": Coverage(
        How.TRANSIENT, "not compared: whoever needs one checks its signature, and asks its witness"
    ),
    "counters": Coverage(How.DERIVED, "compared with what they count"),
    "recording_counts": Coverage(How.MADE_AGAIN, "totals of searches; `earwitness verify` counts again"),
    "folded_people": Coverage(How.MADE_AGAIN, "texts of searches; `earwitness verify` compares them"),
    "folded_endpoints": Coverage(How.MADE_AGAIN, "texts of searches; `earwitness verify` compares them"),
    "folded_users": Coverage(How.MADE_AGAIN, "texts of searches; `earwitness verify` compares them"),
    "foldings": Coverage(How.MADE_AGAIN, "how far the texts of searches are folded"),
    "text_rebuilds": Coverage(How.MADE_AGAIN, "how far the text index is rebuilt"),
    "waveforms": Coverage(How.MADE_AGAIN, "what the player draws; `earwitness reprocess` makes it again"),
    "endpoint_aliases": Coverage(How.MADE_AGAIN, "former ids of endpoints that an upgrade merged"),
    "jobs": Coverage(How.TRANSIENT, "work on recordings"),
    "account_jobs": Coverage(How.TRANSIENT, "work on the account; what it did is in the log"),
    "account_job_positions": Coverage(How.TRANSIENT, "work on the account"),
    "daily_checks": Coverage(How.TRANSIENT, "how far the daily checks are; their results are in the log"),
    "ledger_asked": Coverage(How.TRANSIENT, "when witnesses and authorities were asked last"),
    "inflight_calls": Coverage(How.TRANSIENT, "calls that go on"),
    "refresh_tokens": Coverage(How.TRANSIENT, "sessions; what is done in one is in the log"),
}
"""By the name of the table."""

_missing = metadata.tables.keys() ^ COVERAGE.keys()
if _missing:
    raise TypeError(f"COVERAGE needs one row for each table of an account: {', '.join(sorted(_missing))}.")

_not_logged = {
    row.table.name for row in ENTITY_ROWS.values() if COVERAGE[row.table.name].how is not How.LOGGED
}
if _not_logged:
    raise TypeError(f"The log has states of {', '.join(sorted(_not_logged))}.")
