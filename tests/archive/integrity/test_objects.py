"""Damage of any kind to media is noticed by playing it and by `verify`; intact media is not reported."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, select, update

from earwitness.archive.integrity.objects import Sample, check, count_objects, orphans
from earwitness.archive.schema.vault import media_objects, recording_keys
from earwitness.kernel.settings import Settings
from earwitness.media.streaming import SEGMENT_SIZE
from earwitness.media.vault import Vault
from tests.firm import CLIENT_ID, Firm

MEDIA = os.urandom(150_000)
"""Three segments, undecodable: the archive holds one object of it."""

WHOLE = Sample("")


@pytest.fixture
def recorded(settings: Settings) -> Iterator[Firm]:
    """A firm with one recording, `call-1`."""
    with Firm(settings) as firm:
        firm.ingest(MEDIA)
        yield firm


def object_path(firm: Firm) -> Path:
    with firm.archive.read() as connection:
        name: str = connection.execute(select(media_objects.c.name)).scalar_one()
    return firm.settings.data / "accounts" / str(CLIENT_ID) / "media" / name


def verified(firm: Firm) -> list[dict[str, Any]]:
    """What `verify` says is wrong."""
    return [checked.damage for checked in check(firm.archive, WHOLE) if checked.damage is not None]


def played(firm: Firm) -> tuple[int, str]:
    """What playing answers: the status, and the code of a problem."""
    wanted = {"thirdPartyId": "call-1", "format": "raw"}
    answer = firm.call("POST", "/client/recording.playBackByThirdPartyId", wanted)
    return answer.status_code, "" if answer.is_success else answer.json()["code"]


def flip(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


LAST = 150_000 + 40 + 3 * 16 - 1
REGIONS = {
    "length of the header": 0,
    "salt, first byte": 1,
    "salt, last byte": 32,
    "nonce prefix, first byte": 33,
    "nonce prefix, last byte": 39,
    "segment 0, first byte": 40,
    "segment 0, tag": SEGMENT_SIZE - 1,
    "segment 1, first byte": SEGMENT_SIZE,
    "segment 1, middle": SEGMENT_SIZE + 30_000,
    "segment 1, tag": 2 * SEGMENT_SIZE - 16,
    "last segment, first byte": 2 * SEGMENT_SIZE,
    "last segment, last byte": LAST - 16,
    "last segment, tag": LAST,
}


def test_a_flipped_byte_of_an_object_is_noticed(recorded: Firm) -> None:
    path = object_path(recorded)
    assert path.stat().st_size == LAST + 1
    assert (played(recorded), verified(recorded)) == ((200, ""), [])
    for region, at in REGIONS.items():
        flip(path, at)
        assert played(recorded) == (500, "media-corrupt"), region
        (damage,) = verified(recorded)
        assert damage.pop("reason"), region
        assert damage == {"damage": "damaged", "kind": "raw", "interactionId": 1, "thirdPartyId": "call-1"}
        flip(path, at)
    assert played(recorded) == (200, "")


def _cut(path: Path) -> None:
    os.truncate(path, 2 * SEGMENT_SIZE)


def _extend(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"x")


def _empty(path: Path) -> None:
    os.truncate(path, 0)


def _make_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _lose_folder(path: Path) -> None:
    """Put a file in place of the folder."""
    path.unlink()
    path.parent.rmdir()
    path.parent.touch()


@pytest.mark.parametrize("harm", [_cut, _extend, _empty, _make_folder, _lose_folder, Path.unlink])
def test_an_object_of_another_length_or_none_is_noticed(recorded: Firm, harm: Callable[[Path], None]) -> None:
    harm(object_path(recorded))
    assert played(recorded) == (500, "media-corrupt")
    (damage,) = verified(recorded)
    assert damage["damage"] == ("missing" if harm in (Path.unlink, _lose_folder) else "damaged")


def test_two_objects_that_are_exchanged_are_noticed(recorded: Firm) -> None:
    first = object_path(recorded)
    recorded.ingest(MEDIA[::-1], thirdPartyId="call-2")
    with recorded.archive.read() as connection:
        names = connection.scalars(select(media_objects.c.name).order_by(media_objects.c.id)).all()
    second = recorded.settings.data / "accounts" / str(CLIENT_ID) / "media" / names[1]
    one, other = first.read_bytes(), second.read_bytes()
    first.write_bytes(other)
    second.write_bytes(one)
    assert played(recorded) == (500, "media-corrupt")
    assert [damage["thirdPartyId"] for damage in verified(recorded)] == ["call-1", "call-2"]


def _change(firm: Firm, table: Table, column: str, change: Callable[[Any], Any]) -> Any:
    """Change the value of a column. Returns the old one."""
    with firm.archive.write() as connection:
        was = connection.execute(select(table.c[column])).scalar_one()
        connection.execute(update(table).values({column: change(was)}))
    return was


def _back(was: Any, _now: Any) -> Any:
    return was


def _flipped(at: int) -> Callable[[bytes], bytes]:
    return lambda was: was[:at] + bytes([was[at] ^ 1]) + was[at + 1 :]


ROWS: dict[str, tuple[Table, str, Callable[[Any], Any]]] = {
    "wrapped key, nonce": (recording_keys, "wrapped_key", _flipped(0)),
    "wrapped key, key": (recording_keys, "wrapped_key", _flipped(12)),
    "wrapped key, tag": (recording_keys, "wrapped_key", _flipped(59)),
    "wrapped key, shorter": (recording_keys, "wrapped_key", lambda was: was[:-1]),
    "vault id, first byte": (recording_keys, "vault_id", _flipped(0)),
    "vault id, last byte": (recording_keys, "vault_id", _flipped(15)),
    "kind": (media_objects, "kind", lambda _: "mp3"),
    "size": (media_objects, "size_bytes", lambda was: was ^ 1),
}


def test_a_flipped_byte_in_a_database_row_of_an_object_is_noticed(recorded: Firm) -> None:
    for row, (table, column, change) in ROWS.items():
        was = _change(recorded, table, column, change)
        assert played(recorded)[0] != 200, row
        (damage,) = verified(recorded)
        assert damage["damage"] == "damaged", row
        _change(recorded, table, column, partial(_back, was))
    assert (played(recorded), verified(recorded)) == ((200, ""), [])


@pytest.mark.parametrize(
    ("column", "change"),
    [("stored_bytes", lambda was: was ^ 1), ("sha256", _flipped(0)), ("sha256", _flipped(31))],
)
def test_stored_objects_are_compared_with_their_rows(
    recorded: Firm, column: str, change: Callable[[Any], Any]
) -> None:
    _change(recorded, media_objects, column, change)
    (damage,) = verified(recorded)
    assert damage["damage"] == "damaged"


def test_without_its_key_a_recording_is_damaged(recorded: Firm) -> None:
    with recorded.archive.write() as connection:
        connection.execute(delete(recording_keys))
    assert played(recorded) == (500, "media-corrupt")
    (damage,) = verified(recorded)
    assert "key" in damage["reason"]


def test_orphaned_objects_are_named_and_uploads_under_way_are_not(recorded: Firm) -> None:
    store = recorded.archive.store
    with store.new() as upload:
        upload.write(MEDIA)
        upload.publish()
        assert list(orphans(recorded.archive)) == []
        upload.keep()
    assert list(orphans(recorded.archive)) == [upload.name]
    assert verified(recorded) == []


def test_an_object_removed_during_the_check_is_not_damaged(
    recorded: Firm, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = object_path(recorded)
    open_ = Vault.open

    def removing(vault: Vault, *given: Any) -> Any:
        with recorded.archive.write() as connection:
            connection.execute(delete(media_objects))
        path.unlink(missing_ok=True)
        return open_(vault, *given)

    monkeypatch.setattr(Vault, "open", removing)
    assert verified(recorded) == []


def _many(firm: Firm, count: int) -> None:
    """Add rows of objects that are not in the store."""
    with firm.archive.write() as connection:
        (row,) = connection.execute(select(media_objects)).mappings().all()
        others = [
            {k: v for k, v in row.items() if k != "id"} | {"kind": f"k{n}", "name": f"{n:032x}"}
            for n in range(count)
        ]
        connection.execute(insert(media_objects), others)


def test_every_object_is_checked_once_from_wherever_it_begins(recorded: Firm) -> None:
    _many(recorded, 100)
    assert count_objects(recorded.archive) == 101
    for sample in (WHOLE, Sample("a", anywhere=True), Sample("b", anywhere=True)):
        kinds = [found.damage["kind"] for found in check(recorded.archive, sample, page=40) if found.damage]
        assert len(kinds) == len(set(kinds)) == 100
    begins = {
        next(
            found.damage["kind"]
            for found in check(recorded.archive, Sample(seed, anywhere=True), page=40)
            if found.damage
        )
        for seed in "abcdef"
    }
    assert len(begins) > 1


def test_a_sample_is_as_large_as_asked_and_follows_from_its_seed(recorded: Firm) -> None:
    _many(recorded, 500)

    def chosen(seed: str) -> set[str]:
        found = check(recorded.archive, Sample(seed, share=0.1))
        return {one.damage["kind"] for one in found if one.damage}

    assert 20 < len(chosen("a")) < 90
    assert chosen("a") == chosen("a")
    assert chosen("a") != chosen("b")
