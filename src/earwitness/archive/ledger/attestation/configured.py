"""The witnesses that the settings name."""

from dataclasses import dataclass

from earwitness.archive.ledger.notes.keys import KeyRefused, Kind, VerifierKey
from earwitness.kernel.settings import SettingError, Settings


@dataclass(frozen=True, slots=True)
class Witness:
    key: VerifierKey
    url: str


def witnesses_of(settings: Settings) -> list[Witness]:
    """Raises SettingError."""
    found: list[Witness] = []
    for text, url in settings.witnesses:
        try:
            key = VerifierKey.read(text, Kind.WITNESS)
        except KeyRefused as error:
            raise SettingError(f"EARWITNESS_WITNESSES: {error}") from None
        if key.public in {one.key.public for one in found}:
            raise SettingError(f"EARWITNESS_WITNESSES: the key of {key.name} is there twice")
        if key.name in {one.key.name for one in found}:
            raise SettingError(f"EARWITNESS_WITNESSES: two keys have the name {key.name}")
        found.append(Witness(key, url))
    return found
