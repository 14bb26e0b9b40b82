"""The store of media, compared with the one that the archive uses: see `media/stores/store_marker.py`.

The store is noted when it first takes media: until then the setting may change.
"""

import logging

from sqlalchemy import Engine

from earwitness.archive.identity.records import Noted, note_first, note_instead, noted
from earwitness.kernel.errors import Conflict, Problem
from earwitness.kernel.settings import Settings
from earwitness.media.differing import Differs
from earwitness.media.stores.store_marker import (
    ON_DISK,
    StoreMarker,
    new_marker,
    place_in_words,
    place_of,
    read_marker,
    write_marker,
)

log = logging.getLogger(__name__)

_ANOTHER_INSTALLATION = "The store of media belongs to another installation."
_A_COPY = "The store of media is a copy of the one that the archive uses."
_ANOTHER_STORE = "The store of media is not the one that the archive uses."


def compare_store(
    settings: Settings, directory: Engine, installation: str, *, takes_media: bool, may_have_moved: bool
) -> None:
    """Compare the store with the one that is noted. If none is, `takes_media` marks and notes this one.

    When a process starts (`may_have_moved`), a copy of the store in another place is taken for a move. A
    process that used the store before refuses it: another server uses the copy, and they would drift apart.

    Raises Differs, and Unavailable for a store that does not answer.
    """
    marker = read_marker(settings)
    _check_owner(settings, marker, installation)
    known = noted(directory).get("store")
    if known is None and (marker or takes_media):
        marker = marker or _marked(settings, installation)
        known = note_first(directory, "store", Noted(marker.store, place_of(settings)))
    if known is None:
        return
    if marker is None and known.place == place_of(settings) == ON_DISK and not settings.database_url:
        # The directory lies in the same data folder, so this is a backup that left the marker out.
        write_marker(settings, StoreMarker(installation, known.value))
        return
    if marker is None or marker.store != known.value:
        raise Differs("store", _ANOTHER_STORE, _what_to_do(settings, known, marker))
    if known.place == place_of(settings):
        return
    if not may_have_moved:
        raise Differs("store", _A_COPY, _what_to_do(settings, known, marker))
    log.warning("the store of media was copied from %s to %s", known.place, place_of(settings))
    note_instead(directory, "store", Noted(known.value, place_of(settings)))


def compare_store_if_it_answers(
    settings: Settings, directory: Engine, installation: str, *, takes_media: bool, may_have_moved: bool
) -> bool:
    """The same, but a store that does not answer is no error. Returns whether it was compared."""
    try:
        compare_store(
            settings, directory, installation, takes_media=takes_media, may_have_moved=may_have_moved
        )
    except Differs:
        raise
    except (Problem, OSError) as error:
        log.warning("the store of media was not compared: %s", _reason(error))
        return False
    return True


def adopt_store(settings: Settings, directory: Engine, installation: str) -> str:
    """Note the store of the settings as the archive's, and mark it if it is not. Returns where it is.

    Raises Differs for another installation's, Unavailable, and Conflict if it is the archive's already.
    """
    marker = read_marker(settings)
    _check_owner(settings, marker, installation)
    known = noted(directory).get("store")
    if marker and known and marker.store == known.value:
        raise Conflict(f"The archive uses {place_in_words(settings)} already.")
    marker = marker or _marked(settings, installation)
    note_instead(directory, "store", Noted(marker.store, place_of(settings)))
    return place_in_words(settings)


def _marked(settings: Settings, installation: str) -> StoreMarker:
    write_marker(settings, new_marker(settings, installation))
    marker = read_marker(settings)  # another server may have marked it at the same time
    if marker is None:
        raise Differs("store", _ANOTHER_STORE, f"{place_in_words(settings)} does not keep what is put there.")
    _check_owner(settings, marker, installation)
    return marker


def _check_owner(settings: Settings, marker: StoreMarker | None, installation: str) -> None:
    if marker is not None and marker.installation != installation:
        raise Differs(
            "store",
            _ANOTHER_INSTALLATION,
            f"{place_in_words(settings)} is that of installation {marker.installation}; this is "
            f"{installation}. Set EARWITNESS_MEDIA_URL and EARWITNESS_DATABASE_URL to what belongs together.",
        )


def _what_to_do(settings: Settings, known: Noted, marker: StoreMarker | None) -> str:
    here, there = place_in_words(settings), known.place
    where = "on disk, in another data folder" if there == ON_DISK else there
    seen = "is not marked as its store" if marker is None else "is marked as another store"
    if marker is not None and marker.store == known.value:
        return f"Its media is {where}. Set EARWITNESS_MEDIA_URL to that place on all servers."
    return (
        f"Its media is {where}; {here} {seen}. Set EARWITNESS_MEDIA_URL to that place. If its media was "
        "brought here on purpose, run `earwitness installation accept store` with this setting."
    )


def _reason(error: Problem | OSError) -> str:
    return error.detail if isinstance(error, Problem) else type(error).__name__
