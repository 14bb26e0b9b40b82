"""Sidecars: a file beside a recording with its ingest metadata, `call.json` or `call.wav.json`."""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from earwitness.ingest.files.encodings import as_utf8
from earwitness.ingest.files.seen_files import SeenFile, open_seen
from earwitness.kernel import strict_json
from earwitness.kernel.errors import BadRequest, Fault

MOST_BYTES = 64 << 20
_SUFFIX = ".json"


def is_sidecar(path: PurePosixPath) -> bool:
    return path.suffix.lower() == _SUFFIX


def sidecars_among(files: Iterable[SeenFile]) -> dict[PurePosixPath, SeenFile]:
    """The sidecars among files, by path without `.json`. If there is a `.JSON` too, `.json` counts."""
    sidecars = [one for one in files if is_sidecar(one.path)]
    sidecars.sort(key=lambda one: one.path.suffix == _SUFFIX)
    return {one.path.with_suffix(""): one for one in sidecars}


def sidecar_of(media: PurePosixPath, sidecars: Mapping[PurePosixPath, SeenFile]) -> SeenFile | None:
    """The sidecar of a file: that of its whole name, else that of its name without extension."""
    return sidecars.get(media) or sidecars.get(media.with_suffix(""))


def read_sidecar(sidecar: SeenFile, *, take_anyway: bool = False) -> tuple[dict[str, Any], str]:
    """Read a sidecar. Returns its members unchanged, and its whole text if some of it could not be read.

    The text is returned only with `take_anyway`; otherwise such a sidecar is refused. Characters are replaced
    later, when the whole metadata is parsed. Raises BadRequest, MustWait and Unreadable.
    """
    body = as_utf8(_body_of(sidecar), lenient=take_anyway)
    try:
        sent, _ = strict_json.loads_mending(body)
        if not isinstance(sent, dict):
            raise BadRequest.of(Fault("", "expected an object"))
    except BadRequest:
        if not take_anyway:
            raise
        return _members(body), body.decode()
    return _members(body), ""


def is_whole(sidecar: SeenFile) -> bool:
    """Whether its JSON is complete. Other errors are reported when it is read. Raises MustWait."""
    try:
        json.loads(as_utf8(_body_of(sidecar)))
    except (BadRequest, RecursionError):
        return True
    except ValueError:
        return False
    return True


def _body_of(sidecar: SeenFile) -> bytes:
    if sidecar.size > MOST_BYTES:
        raise BadRequest(f"Its sidecar is larger than {MOST_BYTES >> 20} MiB.")
    with open_seen(sidecar) as file:
        return file.read(sidecar.size)  # no more, because it may grow in the meantime


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}
