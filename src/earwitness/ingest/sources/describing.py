"""What is said with a file: by its sidecar, else by its name and call record, else by its place.

What had to be assumed, or is in doubt, is marked in the recording's metadata, `doubtfulFields`. It is no part
of what the recording is known by when it comes again.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from earwitness.archive.spelling.addresses import WITHHELD
from earwitness.ingest.files.seen import Seen
from earwitness.ingest.received import Received, read
from earwitness.ingest.sources.call_records import CallRecords
from earwitness.ingest.sources.file_names import Call, Template
from earwitness.ingest.sources.headerless_files import Told, with_format
from earwitness.ingest.sources.sidecars import read_sidecar
from earwitness.ingest.sources.subjects import Subjects, metadata_of
from earwitness.kernel.clock import EARLIEST_MS, LATEST_MS, format_ms, now_ms
from earwitness.kernel.errors import BadRequest
from earwitness.kernel.strict_json import printable
from earwitness.kernel.wire import LONGEST_WORD

_CLOCKS_DIFFER_BY_MS = 300_000
_ID_DIGITS = 12
_ITEM = re.compile(r"\[([0-9]+)\]")


@dataclass(frozen=True, slots=True)
class Reading:
    """How the files of a folder are understood, beside their sidecars, whose word comes first.

    With `take_anyway` what is missing is assumed, and what is wrong is set aside.
    """

    template: Template | None = None
    records: CallRecords | None = None
    subjects: Subjects = Subjects()
    source: str = ""
    sidecar_required: bool = True
    told: Told = Told()
    take_anyway: bool = False


@dataclass(frozen=True, slots=True)
class Described:
    """What is said with a file, and what is in doubt of it, by field."""

    received: Received
    doubts: Mapping[str, str]

    def marked(self) -> Received:
        """What is said, and in its metadata what is in doubt."""
        if not self.doubts:
            return self.received
        values = self.received.values
        noted = {**(values.metadata or {}), "doubtfulFields": dict(self.doubts)}
        return _with(self.received, metadata=noted)

    def as_another(self, file_digest: bytes) -> "Described":
        """The same under an id of its own, as another recording has its id: that, and a digest of it all."""
        id_ = self.received.values.third_party_id
        digest = self.received.whole_digest(file_digest).hex()[:_ID_DIGITS]
        own = f"{id_[: LONGEST_WORD - _ID_DIGITS - 1]}#{digest}"
        doubt = f"another recording has the id {id_}"
        return Described(_with(self.received, third_party_id=own), {**self.doubts, "thirdPartyId": doubt})


def describe(media: Seen, name: str, call: Call | None, sidecar: Seen | None, reading: Reading) -> Described:
    """What is known of a file, `name` being where it is. Raises BadRequest, and as opening a sidecar does."""
    if call is None and sidecar is None and not reading.take_anyway:
        raise BadRequest("Its name does not match the template, and it has no sidecar.")
    known: dict[str, Any] = {"thirdPartyId": shortened(name)}
    doubts: dict[str, str] = {}
    aside: dict[str, str] = {}
    if reading.source:
        known["source"] = reading.source
    if call is not None:
        call = call.settled(media.written_at)
        known |= metadata_of(call, reading.subjects)
        doubts |= call.doubts
    if sidecar is not None:
        said, text = read_sidecar(sidecar, take_anyway=reading.take_anyway)
        known |= said
        doubts = {field: doubt for field, doubt in doubts.items() if field not in said}
        aside = {"sidecar": text} if text else {}
    if reading.take_anyway:
        received, assumed = _read_anyway(known, aside, _assumptions(media, name))
        doubts |= assumed
    else:
        received = read(json.dumps(known).encode(), has_media=True)
    if not media.size:
        doubts["media"] = "the file was empty when it was taken"
    return Described(with_format(received, reading.told.of(media.path.name)), doubts | _future(received))


def describe_line(received: Received, media_name: str | None, *, is_empty: bool) -> Described:
    """The same of a recording that a manifest describes."""
    doubts = _future(received) | ({"media": "the file was empty when it was taken"} if is_empty else {})
    told = Told().of(media_name) if media_name else None
    return Described(with_format(received, told), doubts)


def _future(received: Received) -> dict[str, str]:
    is_future = int(received.values.start_datetime_utc) > now_ms() + _CLOCKS_DIFFER_BY_MS
    return {"startDatetimeUTC": "it was in the future when it was taken"} if is_future else {}


def _with(received: Received, **values: Any) -> Received:
    return msgspec.structs.replace(received, values=msgspec.structs.replace(received.values, **values))


def shortened(name: str) -> str:
    """A name as an id: where it is too long, what tells it apart stands for its beginning."""
    if len(name) <= LONGEST_WORD:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_ID_DIGITS]
    return f"{digest}#{name[-(LONGEST_WORD - _ID_DIGITS - 1) :]}"


def _assumptions(media: Seen, name: str) -> dict[str, tuple[Any, str]]:
    """What is assumed where it is not known, and what is said of that."""
    start = format_ms(min(max(media.written_at, EARLIEST_MS), LATEST_MS))
    nobody = {"type": "phone", "endpoint": WITHHELD, "isOriginator": True, "isRecordingSubject": True}
    return {
        "thirdPartyId": (shortened(name), "not known: where the file was is taken"),
        "type": ("phone", "not known: phone is taken"),
        "startDatetimeUTC": (start, "not known: the time that the file was last written at is taken"),
        "endpoints": ([nobody], "not known: a withheld number is taken"),
        "message": ("", "not known"),
    }


def _read_anyway(
    known: dict[str, Any], aside: dict[str, str], assumptions: dict[str, tuple[Any, str]]
) -> tuple[Received, dict[str, str]]:
    """Read what can be read; what cannot be taken is kept as JSON in `metadata.notTaken`."""
    known, aside, doubts = dict(known), dict(aside), {}
    if aside:
        doubts["sidecar"] = "not all of it can be taken; its text is in notTaken"
    if not isinstance(known.get("metadata"), dict | None):
        aside["metadata"] = json.dumps(known.pop("metadata"))
        doubts["metadata"] = "what was said is not taken: expected an object"
    while True:
        own = {"metadata": {**(known.get("metadata") or {}), "notTaken": aside}} if aside else {}
        try:
            return read(json.dumps(known | own).encode(), has_media=True), doubts
        except BadRequest as refused:
            is_less = False
            for fault in refused.faults:
                for field in [one for one in known if _is_in(fault.path, printable(one))]:
                    _set_aside(known, aside, field, fault.path)
                    doubts[field] = f"what was said is not taken: {fault.message}"
                    is_less = True
                if fault.path in assumptions:
                    known[fault.path], assumed = assumptions.pop(fault.path)
                    doubts.setdefault(fault.path, assumed)
                    is_less = True
            if not is_less:
                raise


def _is_in(path: str, field: str) -> bool:
    return path == field or path.startswith((f"{field}.", f"{field}["))


def _set_aside(known: dict[str, Any], aside: dict[str, str], field: str, path: str) -> None:
    """Set a field aside; of a list that has others, the item alone that is wrong."""
    item = _ITEM.match(path, len(printable(field)))
    value = known.pop(field)
    before = json.loads(aside[field]) if field in aside else []
    if item and isinstance(value, list) and len(value) > 1:
        wrong = int(item[1])
        known[field] = [one for index, one in enumerate(value) if index != wrong]
        value = [value[wrong]]
    aside[field] = json.dumps([*before, *value] if before else value)
