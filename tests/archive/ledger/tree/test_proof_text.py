"""Proofs as texts are those of C2SP's tlog-proof."""

from base64 import b64encode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from earwitness.archive.ledger.tree.proof_text import TlogProof, read_proof, write_proof

HASHES = st.binary(min_size=32, max_size=32)
CHECKPOINT = "example.com/log\n2\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— example.com/log AAAA\n"
FIRST, SECOND = (b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def test_a_proof_is_written_line_by_line_with_the_checkpoint_as_it_is() -> None:
    proof = TlogProof(73894, [b"\1" * 32, b"\2" * 32], CHECKPOINT, b"more")
    assert write_proof(proof) == (
        f"c2sp.org/tlog-proof@v1\nextra bW9yZQ==\nindex 73894\n{FIRST}\n{SECOND}\n\n{CHECKPOINT}"
    )


def test_the_only_leaf_of_a_log_needs_no_hashes() -> None:
    text = f"c2sp.org/tlog-proof@v1\nindex 0\n\n{CHECKPOINT}"
    assert write_proof(TlogProof(0, [], CHECKPOINT)) == text
    assert read_proof(text) == TlogProof(0, [], CHECKPOINT)


@settings(deadline=None)
@given(st.integers(0, 2**63 - 1), st.lists(HASHES, max_size=63), st.none() | st.binary(max_size=40))
def test_a_proof_is_read_as_it_was_written(index: int, path: list[bytes], extra: bytes | None) -> None:
    proof = TlogProof(index, path, CHECKPOINT, extra)
    assert read_proof(write_proof(proof)) == proof


@pytest.mark.parametrize(
    "head",
    [
        "",
        "c2sp.org/tlog-proof@v2\nindex 0",
        "c2sp.org/tlog-proof@v1",
        "c2sp.org/tlog-proof@v1\nindex",
        "c2sp.org/tlog-proof@v1\nindex 01",
        "c2sp.org/tlog-proof@v1\nindex -1",
        "c2sp.org/tlog-proof@v1\nindex +1",
        "c2sp.org/tlog-proof@v1\nindex ١",
        f"c2sp.org/tlog-proof@v1\nindex {'9' * 5000}",
        "c2sp.org/tlog-proof@v1\r\nindex 0",
        " c2sp.org/tlog-proof@v1\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra bW9yZQ==",
        "c2sp.org/tlog-proof@v1\nextra bW9yZQ\nindex 0",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{FIRST[:-1]}",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{FIRST} ",
        f"c2sp.org/tlog-proof@v1\nindex 0\n{FIRST[:-2]}F=",
        "c2sp.org/tlog-proof@v1\nindex 0\nAAAA",
        "c2sp.org/tlog-proof@v1\nindex 0" + f"\n{FIRST}" * 64,
    ],
)
def test_what_is_written_in_another_way_is_refused(head: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read_proof(f"{head}\n\n{CHECKPOINT}")


def test_a_proof_without_its_checkpoint_is_refused() -> None:
    with pytest.raises(ValueError, match="empty line"):
        read_proof("c2sp.org/tlog-proof@v1\nindex 0\n")
