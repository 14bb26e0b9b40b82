"""The report of `earwitness verify` on missing key-encryption keys: by key, not by recording."""

from typing import Any

from earwitness.cli.output import say

_NAMED = 10


class MissingKeys:
    """The missing keys: how many objects need each of them, and a few of their recordings."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, Any]] = {}

    def note(self, missing: tuple[str, int] | None) -> None:
        """Note an object whose key is missing: the key's id, and the recording's interactionId."""
        if missing is None:
            return
        kek_id, interaction_id = missing
        found = self._found.setdefault(kek_id, {"keyId": kek_id, "objects": 0, "interactionIds": []})
        found["objects"] += 1
        if interaction_id not in found["interactionIds"] and len(found["interactionIds"]) < _NAMED:
            found["interactionIds"].append(interaction_id)

    def as_json(self) -> list[dict[str, Any]]:
        return list(self._found.values())

    def say(self) -> None:
        for found in self._found.values():
            named = ", ".join(map(str, found["interactionIds"]))
            say(
                f"missing key: {found['keyId']}; {found['objects']} objects cannot be checked without it. "
                f"This is not damage. The first are of interactionId {named}."
            )
