"""What the name of a file says of its call, by a template.

    {start:%Y%m%d-%H%M%S}_{from}_{to}_{id}.wav

`start` and `end` are times, written as `strftime` does, or `%s` for seconds since 1970; `from` and `to` the
numbers; `id` the source's id; `direction` a word for it; `any` whatever stands there. A field ends where
the character that follows it in the template comes next. A template without an extension fits any; one
with slashes is held against as many folders above the file.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from pathlib import PurePosixPath
from string import Formatter
from typing import Literal

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
    """What is known of a call before its recording is opened; what is not known is None."""

    id: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    caller: str | None = None
    called: str | None = None
    direction: Direction | None = None
    is_internal: bool = False
    details: dict[str, str] = field(default_factory=dict)
    """What else its source says of it, for the recording's metadata."""


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
        match = self._pattern.fullmatch("/".join(named.parts[-self._folders - 1 :]))
        if match is None:
            return None
        said = match.groupdict()
        try:
            start, end = (self._time(field, said.get(field)) for field in ("start", "end"))
        except (ValueError, OverflowError):
            return None
        kind = said.get("direction", "").lower()
        return Call(
            id=said.get("id"),
            start=start,
            end=end,
            caller=said.get("from_"),
            called=said.get("to"),
            direction=_DIRECTIONS.get(kind),
            is_internal=kind == "internal",
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
                yield f"(?P<{group}>[^/{re.escape(ends_at)}]+)"

    def _time(self, field: str, text: str | None) -> datetime | None:
        if text is None:
            return None
        if self._times[field] == "%s":
            return datetime.fromtimestamp(int(text), UTC)
        moment = datetime.strptime(text, self._times[field])  # noqa: DTZ007 - its zone is given below
        return moment if moment.tzinfo else moment.replace(tzinfo=self._zone)


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
