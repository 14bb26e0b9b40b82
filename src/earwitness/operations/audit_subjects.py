"""What the ledger is told of a call: read from what was sent, whatever else is wrong with it."""

from typing import Any, TypeGuard

from earwitness.archive.ledger.ledger import AuditSubjects
from earwitness.kernel.strict_json import MAX_INTEGER

_MOST = 1000


def by_interaction_ids(sent: Any) -> AuditSubjects:
    """The ids under `interactionIds`."""
    wanted = sent.get("interactionIds") if isinstance(sent, dict) else None
    return AuditSubjects(
        interaction_ids=[one for one in wanted if _is_id(one)][:_MOST] if isinstance(wanted, list) else []
    )


def by_recording_id(sent: Any) -> AuditSubjects:
    wanted = sent.get("recordingId") if isinstance(sent, dict) else None
    return AuditSubjects(interaction_ids=[one for one in (wanted,) if _is_id(one)])


def by_third_party_id(sent: Any) -> AuditSubjects:
    wanted = sent.get("thirdPartyId") if isinstance(sent, dict) else None
    return AuditSubjects(third_party_ids=[wanted] if isinstance(wanted, str) else [])


def as_played(sent: Any) -> dict[str, object]:
    """What the row of a play carries: its format, and the comment if there is one."""
    asked = sent if isinstance(sent, dict) else {}
    played: dict[str, object] = {"format": asked.get("format") or "mp3"}
    if isinstance(asked.get("comment"), str):
        played = {"comment": asked["comment"], **played}
    return played


def _is_id(value: Any) -> TypeGuard[int]:
    return type(value) is int and 1 <= value <= MAX_INTEGER
