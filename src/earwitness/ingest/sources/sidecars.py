"""Sidecars: the ingest metadata of a recording in a file beside it, `call.json` or `call.wav.json`."""

import json
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from earwitness.ingest.files.encodings import as_utf8
from earwitness.ingest.files.seen import Seen, opened
from earwitness.kernel import strict_json
from earwitness.kernel.errors import BadRequest, Fault

MOST_BYTES = 64 << 20
_SUFFIX = ".json"


def is_sidecar(path: PurePosixPath) -> bool:
    return path.suffix.lower() == _SUFFIX


def sidecars_among(files: Iterable[Seen]) -> dict[PurePosixPath, Seen]:
    """The sidecars among files, by their paths without `.json` in whatever case; lower case comes first."""
    sidecars = [one for one in files if is_sidecar(one.path)]
    sidecars.sort(key=lambda one: one.path.suffix == _SUFFIX)
    return {one.path.with_suffix(""): one for one in sidecars}


def sidecar_of(media: PurePosixPath, sidecars: Mapping[PurePosixPath, Seen]) -> Seen | None:
    """The sidecar of a file, among those by their paths: its whole name's comes first."""
    return sidecars.get(media) or sidecars.get(media.with_suffix(""))


def read_sidecar(sidecar: Seen, *, take_anyway: bool = False) -> tuple[dict[str, Any], str]:
    """A sidecar's members, as they are: what is wrong in their texts is mended and marked where all is.

    And its text, if it has to be kept because there is more that could not be taken; only with `take_anyway`.
    Raises BadRequest, and what opening does.
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


def is_whole(sidecar: Seen) -> bool:
    """Whether all of its JSON is there; what else is wrong with it is said when it is read. Raises Waits."""
    try:
        json.loads(as_utf8(_body_of(sidecar)))
    except (BadRequest, RecursionError):
        return True
    except ValueError:
        return False
    return True


def _body_of(sidecar: Seen) -> bytes:
    if sidecar.size > MOST_BYTES:
        raise BadRequest(f"Its sidecar is larger than {MOST_BYTES >> 20} MiB.")
    with opened(sidecar) as file:
        return file.read(sidecar.size)  # and no more, though it may grow meanwhile


def _members(body: bytes) -> dict[str, Any]:
    try:
        members = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return members if isinstance(members, dict) else {}
