"""Finds the recordings that a call names, for the audit log. The values that were sent may be invalid."""

from typing import Any, TypeGuard

from earwitness.archive.ledger.ledger import AuditSubjects
from earwitness.kernel.formats import DEFAULT_FORMAT
from earwitness.kernel.strict_json import MAX_INTEGER

_MOST = 1000
"""How many recordings of one call are in the audit log. A call that names more is refused."""


def by_interaction_ids(sent: Any) -> AuditSubjects:
    """The recordings of `interactionIds`."""
    ids = _member(sent, "interactionIds")
    valid = [one for one in ids if _is_id(one)] if isinstance(ids, list) else []
    return AuditSubjects(interaction_ids=valid[:_MOST])


def by_recording_id(sent: Any) -> AuditSubjects:
    """The recording of `recordingId`."""
    recording_id = _member(sent, "recordingId")
    return AuditSubjects(interaction_ids=[recording_id] if _is_id(recording_id) else [])


def by_third_party_id(sent: Any) -> AuditSubjects:
    """The recording of `thirdPartyId`."""
    third_party_id = _member(sent, "thirdPartyId")
    return AuditSubjects(third_party_ids=[third_party_id] if isinstance(third_party_id, str) else [])


def as_played(sent: Any) -> dict[str, object]:
    """The metadata of the row of a play: its format, and the comment if there is one."""
    format_, comment = _member(sent, "format") or DEFAULT_FORMAT, _member(sent, "comment")
    return {"comment": comment, "format": format_} if isinstance(comment, str) else {"format": format_}


def _member(sent: Any, name: str) -> Any:
    return sent.get(name) if isinstance(sent, dict) else None


def _is_id(value: Any) -> TypeGuard[int]:
    return type(value) is int and 1 <= value <= MAX_INTEGER
