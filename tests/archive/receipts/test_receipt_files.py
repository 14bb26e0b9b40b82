"""Files of receipts: what is written is read back, even if others write too or a file is cut off."""

import os
import subprocess
import sys
from pathlib import Path

from earwitness.archive.receipts.written import Mark, Receipt, Receipts


def test_each_flipped_bit_of_a_line_damages_it_alone(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path / "receipts")
    given = [Receipt(number, f"call-{number}", "recording", 1_700_000_000_000) for number in (1, 2)]
    receipts.add(given[:1])
    receipts.add(given[1:])
    path = receipts.folder / "current"
    whole = path.read_bytes()
    first = whole.index(b"\n", 1)
    for bit in range(8, first * 8):
        path.write_bytes(whole[: bit // 8] + bytes([whole[bit // 8] ^ 1 << bit % 8]) + whole[bit // 8 + 1 :])
        read_back, _ = receipts.read()
        assert given[1] in read_back.receipts, bit
        assert given[0] not in read_back.receipts, bit
        assert read_back.damaged >= 1
    path.write_bytes(whole)
    assert receipts.read()[0].receipts == given


def test_old_receipts_go_once_the_database_has_them_in_its_file(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path / "receipts", longest_bytes=1000)
    is_on_disk = False

    def fill() -> None:
        number = receipts.newest()
        while not receipts.add([Receipt(number := number + 1, f"call-{number}", "recording", 0)]):
            pass
        receipts.turn_over(lambda: is_on_disk)

    for _ in range(3):
        fill()
    kept = [one.interaction_id for one in receipts.read()[0].receipts]
    assert kept == list(range(1, receipts.newest() + 1))  # a log may still take back the first
    is_on_disk = True
    for _ in range(10):
        fill()
    kept = [one.interaction_id for one in receipts.read()[0].receipts]
    assert kept[-1] == receipts.newest()
    assert kept == list(range(kept[0], kept[-1] + 1))
    assert sum(path.stat().st_size for path in receipts.folder.iterdir()) < 5000


def test_receipts_are_read_from_where_they_were_compared(tmp_path: Path) -> None:
    receipts = Receipts(tmp_path / "receipts", longest_bytes=200)
    one, two, three = (Receipt(number, f"call-{number}", "recording", 0) for number in (1, 2, 3))
    assert receipts.read() == receipts.read(whole=True)
    assert receipts.read()[1] == Mark()
    receipts.add([one])
    _, mark = receipts.read()
    receipts.set_mark(mark)
    assert receipts.is_compared()
    assert not receipts.is_compared(timeline=2)
    receipts.add([two])
    assert not receipts.is_compared()
    assert receipts.read()[0].receipts == [two]
    receipts.turn_over(lambda: True)
    receipts.add([three])
    assert receipts.read()[0].receipts == [two, three]
    assert receipts.read(whole=True)[0].receipts == [one, two, three]


def test_the_newest_id_is_known_with_several_writers_and_torn_lines(tmp_path: Path) -> None:
    ours, theirs = Receipts(tmp_path / "receipts"), Receipts(tmp_path / "receipts")
    current = tmp_path / "receipts" / "current"
    assert ours.newest() == 0
    for number in range(1, 200):
        (theirs if number % 3 else ours).add([Receipt(number, f"call-{number}", "recording", 0)])
        assert ours.newest() == number
    ours.add([Receipt(150, "later", "media", 0)])
    assert (ours.newest(), theirs.newest()) == (199, 199)
    with current.open("ab") as file:
        file.write(b"\nhalf a l")
    assert ours.newest() == 199
    theirs.add([Receipt(200, "call-200", "recording", 0)])
    assert ours.newest() == 200
    current.rename(tmp_path / "receipts" / "older")
    assert ours.newest() == 200
    ours.add([Receipt(201, "call-201", "recording", 0)])
    os.truncate(current, 0)
    assert ours.newest() == 200


def test_a_file_with_the_inode_of_a_deleted_one_is_read_from_its_beginning(tmp_path: Path) -> None:
    """File systems give such a number to the next file."""
    receipts = Receipts(tmp_path / "receipts", longest_bytes=1)
    one, two, three = (Receipt(number, f"call-{number}", "recording", 0) for number in (1, 2, 3))
    receipts.add([one])
    receipts.set_mark(receipts.read()[1])
    for receipt in (two, three):
        receipts.turn_over(lambda: True)
        receipts.add([receipt])
    assert receipts.mark() == Mark()
    assert receipts.read()[0].receipts == [two, three]
    receipts.add([two])
    receipts.set_mark(receipts.read()[1])
    os.truncate(receipts.folder / "current", 0)
    receipts.add([one])
    assert one in receipts.read()[0].receipts


WRITER = """
import sys
from pathlib import Path
from earwitness.archive.receipts.written import Receipt, Receipts
receipts, first = Receipts(Path(sys.argv[1]), longest_bytes=20_000), int(sys.argv[2])
for number in range(first, first + 400):
    if receipts.add([Receipt(number, f"call-{number}", "recording", 0)]):
        receipts.turn_over(lambda: False)
"""


def test_several_processes_write_receipts_at_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path / "receipts"), str(1 + 400 * number)])
        for number in range(4)
    ]
    assert [writer.wait() for writer in writers] == [0] * 4
    read_back, _ = Receipts(tmp_path / "receipts").read()
    assert read_back.damaged == 0
    assert [one.interaction_id for one in read_back.receipts] == list(range(1, 1601))
