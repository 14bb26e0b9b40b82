"""The description of a file's recording: its sidecar, else its name and call record, else its path and time.

What had to be assumed, or is in doubt, is named in the recording's metadata as `doubtfulFields`. This is not
part of the digest by which a recording that comes again is recognised.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from earwitness.archive.spelling.addresses import WITHHELD
from earwitness.ingest.files.seen_files import SeenFile
from earwitness.ingest.parsed_metadata import ParsedMetadata, parse_body
from earwitness.ingest.sources.call_records import CallRecords
from earwitness.ingest.sources.file_names import CallFacts, Template
from earwitness.ingest.sources.headerless_files import StatedFormat, with_format
from earwitness.ingest.sources.sidecars import read_sidecar
from earwitness.ingest.sources.subjects import Subjects, metadata_of
from earwitness.kernel.clock import EARLIEST_MS, LATEST_MS, format_ms, now_ms
from earwitness.kernel.errors import BadRequest
from earwitness.kernel.strict_json import printable
from earwitness.kernel.wire import LONGEST_WORD

_CLOCK_TOLERANCE_MS = 300_000
_ID_DIGITS = 12
_ITEM = re.compile(r"\[([0-9]+)\]")
_EMPTY = {"media": "the file was empty when it was taken"}


@dataclass(frozen=True, slots=True)
class FolderRules:
    """How the files of a folder are described, apart from their sidecars, which take precedence.

    With `take_anyway`, what is missing is assumed, and what is wrong is set aside.
    """

    template: Template | None = None
    call_records: CallRecords | None = None
    subjects: Subjects = Subjects()
    source: str = ""
    sidecar_required: bool = True
    stated_format: StatedFormat = StatedFormat()
    take_anyway: bool = False


@dataclass(frozen=True, slots=True)
class Description:
    """The metadata of a file's recording, and the doubts about it, by field."""

    metadata: ParsedMetadata
    doubts: Mapping[str, str]

    def marked(self) -> ParsedMetadata:
        """The metadata, with the doubts in it."""
        if not self.doubts:
            return self.metadata
        noted = {**(self.metadata.values.metadata or {}), "doubtfulFields": dict(self.doubts)}
        return _changed(self.metadata, {"metadata": noted})

    def with_own_id(self, file_digest: bytes) -> "Description":
        """The same with an id of its own, if another recording has its id: that id and a digest."""
        id_ = self.metadata.values.third_party_id
        digest = self.metadata.digest_with(file_digest).hex()[:_ID_DIGITS]
        own = f"{id_[: LONGEST_WORD - _ID_DIGITS - 1]}#{digest}"
        doubt = f"another recording has the id {id_}"
        return Description(
            _changed(self.metadata, {"third_party_id": own}), {**self.doubts, "thirdPartyId": doubt}
        )


def describe(
    media: SeenFile, name: str, call: CallFacts | None, sidecar: SeenFile | None, rules: FolderRules
) -> Description:
    """Describe a file's recording; `name` is its relative path. Raises BadRequest, MustWait, Unreadable."""
    if call is None and sidecar is None and not rules.take_anyway:
        raise BadRequest("Its name does not match the template, and it has no sidecar.")
    known: dict[str, Any] = {"thirdPartyId": shortened(name)}
    doubts: dict[str, str] = {}
    aside: dict[str, str] = {}
    if rules.source:
        known["source"] = rules.source
    if call is not None:
        call = call.settled(media.written_at)
        known |= metadata_of(call, rules.subjects)
        doubts |= call.doubts
    if sidecar is not None:
        said, text = read_sidecar(sidecar, take_anyway=rules.take_anyway)
        known |= said
        doubts = {field: doubt for field, doubt in doubts.items() if field not in said}
        aside = {"sidecar": text} if text else {}
    if rules.take_anyway:
        metadata, assumed = _parse_anyway(known, aside, _assumptions(media, name))
        doubts |= assumed
    else:
        metadata = parse_body(json.dumps(known).encode(), has_media=True)
    if not media.size:
        doubts |= _EMPTY
    format_ = rules.stated_format.of(media.path.name)
    return Description(with_format(metadata, format_), doubts | _doubt_of_future(metadata))


def describe_line(metadata: ParsedMetadata, media_name: str | None, *, is_empty: bool) -> Description:
    """Describe the recording of a manifest's line."""
    doubts = _doubt_of_future(metadata) | (_EMPTY if is_empty else {})
    format_ = StatedFormat().of(media_name) if media_name else None
    return Description(with_format(metadata, format_), doubts)


def shortened(name: str) -> str:
    """A name as an id. If it is too long, a digest takes the place of its beginning."""
    if len(name) <= LONGEST_WORD:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_ID_DIGITS]
    return f"{digest}#{name[-(LONGEST_WORD - _ID_DIGITS - 1) :]}"


def _doubt_of_future(metadata: ParsedMetadata) -> dict[str, str]:
    is_future = int(metadata.values.start_datetime_utc) > now_ms() + _CLOCK_TOLERANCE_MS
    return {"startDatetimeUTC": "it was in the future when it was taken"} if is_future else {}


def _changed(metadata: ParsedMetadata, values: Mapping[str, Any]) -> ParsedMetadata:
    """The same metadata with other values, and with the digest of what was sent."""
    return msgspec.structs.replace(metadata, values=msgspec.structs.replace(metadata.values, **values))


def _assumptions(media: SeenFile, name: str) -> dict[str, tuple[Any, str]]:
    """For each field that may be unknown: the assumed value, and the doubt to note."""
    start = format_ms(min(max(media.written_at, EARLIEST_MS), LATEST_MS))
    nobody = {"type": "phone", "endpoint": WITHHELD, "isOriginator": True, "isRecordingSubject": True}
    return {
        "thirdPartyId": (shortened(name), "not known: the relative path of the file is taken"),
        "type": ("phone", "not known: phone is taken"),
        "startDatetimeUTC": (start, "not known: the time when the file was last written is taken"),
        "endpoints": ([nobody], "not known: a withheld number is taken"),
        "message": ("", "not known"),
    }


def _parse_anyway(
    known: dict[str, Any], aside: dict[str, str], assumptions: dict[str, tuple[Any, str]]
) -> tuple[ParsedMetadata, dict[str, str]]:
    """Parse what can be parsed, and note the doubts. Wrong fields are kept as JSON in `metadata.notTaken`.

    Each round sets aside the fields that were refused, until the rest is accepted.
    """
    known, aside, doubts = dict(known), dict(aside), {}
    if aside:
        doubts["sidecar"] = "not all of it could be read; its text is in notTaken"
    if not isinstance(known.get("metadata"), dict | None):
        aside["metadata"] = json.dumps(known.pop("metadata"))
        doubts["metadata"] = "the value was not taken: expected an object"
    while True:
        own = {"metadata": {**(known.get("metadata") or {}), "notTaken": aside}} if aside else {}
        try:
            return parse_body(json.dumps(known | own).encode(), has_media=True), doubts
        except BadRequest as refused:
            has_changed = False
            for fault in refused.faults:
                for field in [one for one in known if _is_in(fault.path, printable(one))]:
                    _set_aside(known, aside, field, fault.path)
                    doubts[field] = f"the value was not taken: {fault.message}"
                    has_changed = True
                if fault.path in assumptions:
                    known[fault.path], assumed = assumptions.pop(fault.path)
                    doubts.setdefault(fault.path, assumed)
                    has_changed = True
            if not has_changed:
                raise


def _is_in(path: str, field: str) -> bool:
    return path == field or path.startswith((f"{field}.", f"{field}["))


def _set_aside(known: dict[str, Any], aside: dict[str, str], field: str, path: str) -> None:
    """Set a field aside; if it is a list with other items, only the item that is wrong."""
    item = _ITEM.match(path, len(printable(field)))
    value = known.pop(field)
    before = json.loads(aside[field]) if field in aside else []
    if item and isinstance(value, list) and len(value) > 1:
        wrong = int(item[1])
        known[field] = [one for index, one in enumerate(value) if index != wrong]
        value = [value[wrong]]
    aside[field] = json.dumps([*before, *value] if before else value)
