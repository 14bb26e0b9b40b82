"""Reads facts about a call from a file's name, by a template.

    {start:%Y%m%d-%H%M%S}_{from}_{to}_{id}.wav

`start` and `end` are times in the directives of `strftime`, or `%s` for seconds since 1970. `from` and `to`
are the numbers, `id` is the source's id, `direction` is a word for it, and `any` matches any text. A field
ends at the next occurrence of the character that follows it in the template. All fields but times may be
empty; an empty number was withheld. A template without an extension matches any extension. One with slashes
also matches that many parent folders.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import PurePosixPath
from string import Formatter
from typing import Literal

from earwitness.ingest.files.shown_names import readable
from earwitness.ingest.sources.wall_times import Span, channel_made_at, is_skipped, moments, settle, spans

Direction = Literal["In", "Out"]

ASTERISK = "{direction}-{to}-{from}-{start:%Y%m%d-%H%M%S}-{id}"
"""What FreePBX calls the files of MixMonitor: kind, called, caller, time, uniqueid; as
`out-02079460000-204-20260512-103000-1778581800.17.wav`. `sub-record-check` of its module callrecording."""

_FIELDS = ("start", "end", "from", "to", "id", "direction", "any")
_TIME = "%Y%m%d-%H%M%S"
_DIRECTIVES = {
    "Y": r"\d{4}",
    **dict.fromkeys("ymdHIMS", r"\d{2}"),
    "j": r"\d{3}",
    "f": r"\d{1,6}",
    "p": "[AaPp][Mm]",
    "z": r"(?:Z|[+-]\d{2}:?\d{2})",
    "s": r"\d{1,11}",
    "%": "%",
}
# Words in templates, and the kinds of FreePBX: `external` and `exten` rang at an extension, `q` in a queue,
# `rg` in a ring group. Other kinds, such as `internal`, do not tell the direction.
_DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys(("in", "inbound", "incoming", "i", "external", "exten", "q", "rg"), "In"),
    **dict.fromkeys(("out", "outbound", "outgoing", "o"), "Out"),
}


@dataclass(frozen=True, slots=True)
class CallFacts:
    """What names and call records say about a call; None means not known.

    An empty number was withheld. `spans` are all spans that its times may mean. `others` are the
    participants' numbers besides those of the caller and the called party.
    """

    id: str | None = None
    spans: Sequence[Span] = (Span(),)
    caller: str | None = None
    called: str | None = None
    others: Sequence[str] = ()
    direction: Direction | None = None
    is_internal: bool = False
    details: dict[str, str] = field(default_factory=dict)
    """Further details from its source, for the recording's metadata."""
    doubts: dict[str, str] = field(default_factory=dict)
    """The doubts, by field of the metadata."""

    def settled(self, written_at: int) -> "CallFacts":
        """The same with one span; `written_at` is when its file was last written, in ms since 1970."""
        span, doubt = settle(self.spans, channel_made_at(self.id), written_at)
        doubts = {"startDatetimeUTC": doubt} if doubt else {}
        return replace(self, spans=(span,), doubts=self.doubts | doubts)


class Template:
    """A pattern of file names. Raises ValueError if the text is no template."""

    def __init__(self, text: str, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._times: dict[str, str] = {}
        self._folders = text.count("/")
        self._has_extension = "." in text.rpartition("}")[2]
        self._pattern = re.compile("".join(self._patterns(text)), re.ASCII)

    def read(self, path: PurePosixPath) -> CallFacts | None:
        """Read a file's name; None if it does not match. Times without an offset are in the time zone."""
        named = path if self._has_extension else path.with_suffix("")
        match = self._pattern.fullmatch(readable("/".join(named.parts[-self._folders - 1 :])))
        if match is None:
            return None
        said = match.groupdict()
        try:
            times = {field: self._time(field, said[field]) for field in ("start", "end") if field in said}
        except (ValueError, OverflowError):
            return None
        meant = {field: moments(time, self._zone) for field, time in times.items()}
        kind = said.get("direction", "").lower()
        return CallFacts(
            id=said.get("id") or None,
            spans=spans(meant.get("start", ()), meant.get("end", ())),
            caller=said.get("from_"),
            called=said.get("to"),
            direction=_DIRECTIONS.get(kind),
            is_internal=kind == "internal",
            doubts=skipped(self._zone, **times),
        )

    def _patterns(self, text: str) -> Iterator[str]:
        parts = list(Formatter().parse(text))
        _check([name for _, name, _, _ in parts if name is not None])
        for index, (literal, name, spec, _) in enumerate(parts):
            yield re.escape(literal)
            is_last = not any(later for _, later, _, _ in parts[index + 1 :])
            if name in ("start", "end"):
                self._times[name] = spec or _TIME
                yield f"(?P<{name}>{_time_pattern(self._times[name])})"
            elif name is not None:
                ends_at = "" if is_last else parts[index + 1][0][:1]
                if not (is_last or ends_at):
                    raise ValueError(f"nothing separates {{{name}}} from the next field")
                group = {"from": "from_", "any": f"any{index}"}.get(name, name)
                yield f"(?P<{group}>[^/{re.escape(ends_at)}]*)"

    def _time(self, field: str, text: str) -> datetime:
        if self._times[field] == "%s":
            return datetime.fromtimestamp(int(text), UTC)
        return datetime.strptime(text, self._times[field])  # noqa: DTZ007 - in the zone, unless it has an offset


def skipped(zone: tzinfo, *, start: datetime | None = None, end: datetime | None = None) -> dict[str, str]:
    """Doubts about times that clocks of the zone skip."""
    named = {"startDatetimeUTC": start, "endDatetimeUTC": end}
    return {
        name: "the clocks were put forward over this time: it is read as if they had not been"
        for name, time in named.items()
        if time is not None and is_skipped(time, zone)
    }


def _check(names: list[str]) -> None:
    for name in names:
        if name not in _FIELDS:
            raise ValueError(f"{{{name}}} is not a field: expected " + ", ".join(_FIELDS))
        if name != "any" and names.count(name) > 1:
            raise ValueError(f"{{{name}}} is given twice")


def _time_pattern(spec: str) -> str:
    pattern, rest = "", iter(spec)
    for char in rest:
        if char != "%":
            pattern += re.escape(char)
            continue
        directive = next(rest, "")
        if directive not in _DIRECTIVES or (directive == "s" and spec != "%s"):
            raise ValueError(f"%{directive} is not supported, in {spec}")
        pattern += _DIRECTIVES[directive]
    return pattern
