"""A small ledger, and the folder with a copy of it that a regulator would have."""

import json
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from earwitness.archive.ledger.tree.appending import append
from earwitness.archive.ledger.tree.commitments import commitment, part_digest, part_salt
from earwitness.archive.ledger.tree.hashing import leaf_hash, root_of
from earwitness.archive.ledger.tree.leaves import Leaf, Row, leaf_bytes, row_bytes
from earwitness.archive.ledger.tree.proof_text import TlogProof, write_proof
from earwitness.archive.ledger.tree.proofs import TiledTree, inclusion_in
from earwitness.archive.ledger.tree.tiles import index_path, tiles_of, width_in_tree, write_bundle
from tests.archive.ledger.tree.plain_tree import StoredTiles

ORIGIN = "archive.example.com/5a7c0f1e"
WITNESS = "witness.example.com"
NOON = 1_796_040_000_000
SALT, SUBJECT_SALT = bytes(range(16)), bytes(range(32))
EMBLEM = "— "


@dataclass
class Signer:
    """A key of a log (type 1) or of a witness (type 4), as C2SP's signed-note has it."""

    name: str
    type: int
    key: Ed25519PrivateKey = field(default_factory=lambda: Ed25519PrivateKey.from_private_bytes(bytes(32)))

    @property
    def id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + self._typed_key).digest()[:4]

    @property
    def verifier_key(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(self._typed_key).decode()}"

    def line(self, body: str, at: int = 1_796_040_000) -> str:
        data = self.id
        if self.type == 4:
            body = f"cosignature/v1\ntime {at}\n{body}"
            data += at.to_bytes(8, "big")
        data += self.key.sign(body.encode())
        return f"{EMBLEM}{self.name} {b64encode(data).decode()}\n"

    @property
    def _typed_key(self) -> bytes:
        return bytes([self.type]) + self.key.public_key().public_bytes_raw()


LOG = Signer(ORIGIN, 1)
COSIGNER = Signer(WITNESS, 4, Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32))


class KeptLog:
    """A ledger of `size` actions, each with three rows."""

    def __init__(self, size: int, changed: int | None = None) -> None:
        self.size = size
        self.leaves = [self._leaf(number, changed=number == changed) for number in range(size)]
        self.tiles = StoredTiles()
        self.tiles.store(append(0, self.tiles.read, [leaf_hash(leaf) for leaf in self.leaves]).tiles)

    def checkpoint(self, size: int | None = None, signers: Sequence[Signer] = (LOG,)) -> str:
        size = self.size if size is None else size
        root = b64encode(self.tree(size).root()).decode()
        body = f"{ORIGIN}\n{size}\n{root}\n"
        return f"{body}\n{''.join(signer.line(body) for signer in signers)}"

    def tree(self, size: int) -> TiledTree:
        return TiledTree(size, self.tiles.read)

    def answer(self, number: int, size: int | None = None) -> dict[str, Any]:
        """What POST /ledger/proof answers of one action."""
        size = self.size if size is None else size
        rows = self._rows(number)
        proof = TlogProof(number, self.tree(size).inclusion(number), self.checkpoint(size))
        return {
            "auditHeaderId": number + 1,
            "leafIndex": number,
            "leaf": b64encode(self.leaves[number]).decode(),
            "rows": [
                {
                    "index": at,
                    "row": b64encode(row).decode(),
                    "proof": [one.hex() for one in inclusion_in([leaf_hash(one) for one in rows], at)],
                }
                for at, row in enumerate(rows)
            ],
            "openings": [
                {"field": "user", "salt": SALT.hex(), "value": f"user{number}"},
                {
                    "row": 2,
                    "field": "after.tags",
                    "salt": part_salt(SUBJECT_SALT, "tags").hex(),
                    "value": '["Späť"]',
                },
            ],
            "proof": write_proof(proof),
        }

    def copy_to(self, folder: Path, *, tiles: bool = True) -> Path:
        """Write the folder: the key, the newest checkpoint, and the tiles."""
        write(folder / "key.txt", LOG.verifier_key + "\n")
        write(folder / "checkpoint.txt", self.checkpoint())
        if tiles:
            for tile in tiles_of(self.size):
                write(folder / tile.path, self.tiles.read(tile))
            for index in range(-(-self.size // 256)):
                leaves = self.leaves[index * 256 : (index + 1) * 256]
                path = index_path(index, width_in_tree(self.size, 0, index))
                write(folder / "tile/entries" / path, write_bundle(leaves))
        return folder

    def _leaf(self, number: int, *, changed: bool) -> bytes:
        rows = self._rows(number)
        leaf = Leaf(
            type="action",
            header=number + 1,
            at=NOON + number,
            method="PATCH",
            route="/client/recording",
            description="Change a recording" if not changed else "Look at a recording",
            user=commitment(SALT, f"user{number}".encode()).hex(),
            address=commitment(SALT, b"192.0.2.1").hex(),
            rows=len(rows),
            rows_root=root_of([leaf_hash(row) for row in rows]).hex(),
        )
        return leaf_bytes(leaf)

    def _rows(self, number: int) -> list[bytes]:
        after = {"tags": part_digest(SUBJECT_SALT, "tags", ["Späť"]).hex()}
        rows = []
        for one in range(number * 3, number * 3 + 3):
            record = sha256(b"%d" % one).hexdigest()
            row = Row(
                entity="Recording",
                id=one,
                parent="Recording",
                parent_id=one,
                code=200,
                after=after,
                record=record,
            )
            rows.append(row_bytes(row))
        return rows


def write(file: Path, content: str | bytes | list[Any]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, list):
        content = json.dumps(content)
    file.write_bytes(content.encode() if isinstance(content, str) else content)
