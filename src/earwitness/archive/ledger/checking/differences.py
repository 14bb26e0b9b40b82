"""What a check of the ledger finds: where the tables and the log differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from earwitness.kernel.clock import format_ms


@dataclass(frozen=True, slots=True)
class Named:
    """An action of the ledger: its header, when it was written (ms), and who did it."""

    header: int
    at: int
    username: str


@dataclass(frozen=True, slots=True)
class Thing:
    """What differs: a recording, a person and so on; or the log itself, or a table, without an id."""

    entity_name: str
    entity_id: int | None = None
    third_party_id: str | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """One field that is not what the log says. `action` is the one that wrote it, as far as it is known."""

    thing: Thing
    field: str
    difference: str
    action: Named | None = None

    @property
    def told(self) -> dict[str, Any]:
        """The same as JSON."""
        is_recording = self.thing.entity_name == "Recording"
        return {
            "entityName": self.thing.entity_name,
            "entityId": self.thing.entity_id,
            "interactionId": self.thing.entity_id if is_recording else None,
            "thirdPartyId": self.thing.third_party_id,
            "field": self.field,
            "difference": self.difference,
            "auditHeaderId": self.action and self.action.header,
            "insertedAt": self.action and format_ms(self.action.at),
            "username": self.action and self.action.username,
        }

    @property
    def sentence(self) -> str:
        """One line: `Recording 17 (thirdPartyId call-17), retention: … Action 5 of … by … wrote it.`"""
        thing = self.thing
        number = "" if thing.entity_id is None else f" {thing.entity_id}"
        source = "" if thing.third_party_id is None else f" (thirdPartyId {thing.third_party_id})"
        by = ""
        if self.action:
            when = format_ms(self.action.at)
            by = f" The log has it by action {self.action.header} of {self.action.username} at {when}."
        return f"{thing.entity_name}{number}{source}, {self.field}: {self.difference}{by}"


@dataclass(frozen=True, slots=True)
class Checked:
    """One slice of a check: how many were looked at, what differs, and where the next slice begins."""

    count: int
    differences: Sequence[Difference]
    next: int | None
    """None after the last slice."""
