"""Trust policies, as C2SP's tlog-policy defines them: which logs and witnesses vouch for a checkpoint.

    log <verifier key> [<url>]
    witness <name> <verifier key> [<url>]
    group <name> all|any|<number> <name>...
    quorum <name>|none

A policy is a file of bytes. Those that are no UTF-8 are kept as they are: names are compared byte by byte.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from earwitness.archive.ledger.notes.keys import KeyRefused, Kind, VerifierKey, verified
from earwitness.archive.ledger.notes.signed_note import NoteRefused, SignedNote

NO_QUORUM = "none"
MOST_BYTES = 1 << 20

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_BETWEEN = re.compile(r"[ \t]+")
_BYTES_AS_THEY_ARE = "surrogateescape"


class PolicyRefused(ValueError):
    """A text is no policy. Its message names the line."""


@dataclass(frozen=True, slots=True)
class Log:
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    """`name` is its name in the policy alone; its key has a name of its own."""

    name: str
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Has witnessed a checkpoint if `least` of its members have: witnesses, or groups above it."""

    name: str
    least: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Policy:
    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Raises PolicyRefused."""
        if len(content) > MOST_BYTES:
            raise PolicyRefused("the policy is too large")
        draft = _Draft()
        for number, words in _lines(content.decode(errors=_BYTES_AS_THEY_ARE)):
            try:
                draft.add(*words)
            except ValueError as error:
                raise PolicyRefused(f"line {number}: {error}") from None
        if draft.quorum is None:
            raise PolicyRefused("a policy has a line `quorum`")
        return cls(tuple(draft.logs), tuple(draft.witnesses), tuple(draft.groups), draft.quorum)

    @property
    def content(self) -> bytes:
        lines = [
            *(_line("log", log.key.text, log.url) for log in self.logs),
            *(_line("witness", one.name, one.key.text, one.url) for one in self.witnesses),
            *(_line("group", one.name, str(one.least), *one.members) for one in self.groups),
            _line("quorum", self.quorum),
        ]
        return "".join(lines).encode(errors=_BYTES_AS_THEY_ARE)

    def check(self, note: SignedNote, origin: str) -> None:
        """Check that a log of this policy and a quorum of its witnesses signed. Raises NoteRefused.

        A signature of a known key that is wrong refuses the note, whatever the others say.
        """
        logs = [log.key for log in self.logs if log.key.name == origin]
        witnesses = {one.key: one.name for one in self.witnesses}
        signed = verified(note, [*logs, *witnesses])
        if not any(key in signed for key in logs):
            raise NoteRefused("the checkpoint is not signed by a log of the policy")
        if not self.is_quorum({name for key, name in witnesses.items() if key in signed}):
            raise NoteRefused("too few witnesses of the policy have signed the checkpoint")

    def is_quorum(self, names: set[str]) -> bool:
        """Whether the witnesses of these names are enough."""
        have = {NO_QUORUM, *names}
        for group in self.groups:  # the members of a group stand before it
            if sum(member in have for member in group.members) >= group.least:
                have.add(group.name)
        return self.quorum in have


class _Draft:
    """A policy that is being read, line by line."""

    def __init__(self) -> None:
        self.logs: list[Log] = []
        self.witnesses: list[Witness] = []
        self.groups: list[Group] = []
        self.quorum: str | None = None
        self._defined = set[str]()
        self._members = set[str]()

    def add(self, what: str, *words: str) -> None:
        """Raises ValueError."""
        match what, words:
            case "log", (key, *url) if len(url) <= 1:
                self._add_log(VerifierKey.read(key, Kind.LOG), *url)
            case "witness", (name, key, *url) if len(url) <= 1:
                self._add_witness(name, VerifierKey.read(key, Kind.WITNESS), *url)
            case "group", (name, least, first, *others):
                self._add_group(name, least, (first, *others))
            case "quorum", (name,):
                self._set_quorum(name)
            case _:
                raise ValueError(
                    "a line begins with `log`, `witness`, `group` or `quorum`, and their parts follow"
                )

    def _add_log(self, key: VerifierKey, url: str = "") -> None:
        if key.public in {log.key.public for log in self.logs}:
            raise KeyRefused(f"the key {key.name} stands in a line before")
        self.logs.append(Log(key, url))

    def _add_witness(self, name: str, key: VerifierKey, url: str = "") -> None:
        if key.public in {one.key.public for one in self.witnesses}:
            raise KeyRefused(f"the key {key.name} stands in a line before")
        self._define(name)
        self.witnesses.append(Witness(name, key, url))

    def _add_group(self, name: str, least: str, members: tuple[str, ...]) -> None:
        for member in members:
            if member not in self._defined:
                raise ValueError(f"there is no {_shown(member)} in a line before")
            if member in self._members:
                raise ValueError(f"{_shown(member)} is a member already")
            self._members.add(member)
        by_word = {"any": 1, "all": len(members)} | {str(one): one for one in range(1, len(members) + 1)}
        if least not in by_word:
            raise ValueError("a group needs `any`, `all` or a number of its members")
        self._define(name)
        self.groups.append(Group(name, by_word[least], members))

    def _set_quorum(self, name: str) -> None:
        if self.quorum is not None:
            raise ValueError("there is a `quorum` in a line before")
        if name not in self._defined | {NO_QUORUM}:
            raise ValueError(f"there is no {_shown(name)} in a line before")
        self.quorum = name

    def _define(self, name: str) -> None:
        if name == NO_QUORUM or name in self._defined:
            raise ValueError(f"the name {_shown(name)} is taken")
        self._defined.add(name)


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """The words of each line that is neither empty nor a comment, with its number."""
    for number, line in enumerate(text.split("\n"), 1):
        if _CONTROL.search(line):
            raise PolicyRefused(f"line {number} has a control character")
        words = _BETWEEN.split(line.strip(" \t"))
        if words[0] and not words[0].startswith("#"):
            yield number, words


def _line(*words: str) -> str:
    return " ".join(filter(None, words)) + "\n"


def _shown(name: str) -> str:
    return name.encode(errors=_BYTES_AS_THEY_ARE).decode(errors="replace")
