"""What the name of a file says of its call, by a template.

    {start:%Y%m%d-%H%M%S}_{from}_{to}_{id}.wav

`start` and `end` are times, written as `strftime` does, or `%s` for seconds since 1970; `from` and `to` the
numbers; `id` the source's id; `direction` a word for it; `any` whatever stands there. A field ends where
the character that follows it in the template comes next, and all but times may be empty: a number that is
empty was withheld. A template without an extension fits any; one with slashes is held against as many
folders above the file.
"""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from pathlib import PurePath, PurePosixPath
from string import Formatter
from typing import Literal

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
# Words of templates, and the kinds of FreePBX: `external` and `exten` rang at an extension, `q` and `rg` in
# a queue and a ring group. Others, `internal` among them, say nothing of it.
_DIRECTIONS: dict[str, Direction] = {
    **dict.fromkeys(("in", "inbound", "incoming", "i", "external", "exten", "q", "rg"), "In"),
    **dict.fromkeys(("out", "outbound", "outgoing", "o"), "Out"),
}


@dataclass(frozen=True, slots=True)
class Call:
    """What is known of a call before its recording is opened; what is not known is None.

    A number that is empty was withheld. `spans` are all that its times may mean, `others` who took part
    beside the caller and the called.
    """

    id: str | None = None
    spans: Sequence[Span] = (Span(),)
    caller: str | None = None
    called: str | None = None
    others: Sequence[str] = ()
    direction: Direction | None = None
    is_internal: bool = False
    details: dict[str, str] = field(default_factory=dict)
    """What else its source says of it, for the recording's metadata."""
    doubts: dict[str, str] = field(default_factory=dict)
    """What is not certain of it, by the field of the metadata."""

    def settled(self, written_at: int) -> "Call":
        """The same with one span; `written_at` is when its file last was, in ms since 1970."""
        span, doubt = settle(self.spans, channel_made_at(self.id), written_at)
        doubts = {"startDatetimeUTC": doubt} if doubt else {}
        return replace(self, spans=(span,), doubts=self.doubts | doubts)


def readable(name: str | PurePath) -> str:
    """A file's name in characters: what of it is no UTF-8 is written as `%` and its bytes, `caf%E9.wav`."""
    written = os.fsencode(name)
    try:
        return written.decode()
    except UnicodeDecodeError:
        return written.decode(errors="surrogateescape").translate(_BYTES)


def shown(name: str | PurePath) -> str:
    """A file's name as it can be printed: control characters are replaced."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in readable(name))


_BYTES = {0xDC00 + byte: f"%{byte:02X}" for byte in range(0x80, 0x100)}


class Template:
    """How files are named. Raises ValueError for a text that is no template."""

    def __init__(self, text: str, zone: tzinfo = UTC) -> None:
        self._zone = zone
        self._times: dict[str, str] = {}
        self._folders = text.count("/")
        self._has_extension = "." in text.rpartition("}")[2]
        self._pattern = re.compile("".join(self._patterns(text)), re.ASCII)

    def read(self, path: PurePosixPath) -> Call | None:
        """What a file's name says, or None where it does not fit. Times without an offset are of the zone."""
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
        return Call(
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
            is_last = not any(behind for _, behind, _, _ in parts[index + 1 :])
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
        return datetime.strptime(text, self._times[field])  # noqa: DTZ007 - of the zone, unless it has its own


def skipped(zone: tzinfo, *, start: datetime | None = None, end: datetime | None = None) -> dict[str, str]:
    """What is in doubt of times that no clock of the zone shows."""
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
