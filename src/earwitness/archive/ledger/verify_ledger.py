"""Check a copy of a ledger without Earwitness: python3 verify_ledger.py FOLDER (Python 3.9 or newer, alone).

Says what HOLDS, what FAILS, and what is UNCLEAR for want of a file. Ends with 0 if everything holds, else
with 1. The folder has checkpoint.txt, the newest one, and key.txt, got apart from the rest: the log's key,
and below it those of witnesses. It may have older/*, checkpoints that were kept; proofs/*, answers of POST
/ledger/proof; and tile/…, as the log serves it, with which other checkpoints are compared: it says which.
"""

import base64
import functools
import hashlib
import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import Any

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493  # of Ed25519, RFC 8032 §5.1
D, ROOT_OF_MINUS_1, BASE = -121665 * pow(121666, -1, P) % P, pow(2, (P - 1) // 4, P), b"\x58" + b"\x66" * 31
folder = pathlib.Path(sys.argv[-1])
keys: list[tuple[str, bytes, bytes]] = []  # of the log, then of witnesses
verdicts: set[str] = set()
unpack = functools.partial(base64.b64decode, validate=True)


def attempt(name: str, check: Callable[..., str], *arguments: Any) -> None:
    """Say what a check finds. Whatever is in one file, the others are checked as well."""
    try:
        verdict, text = "HOLDS", check(*arguments)
    except FileNotFoundError as error:
        verdict, text = "UNCLEAR", f"{error.filename} is missing"
    except Exception as error:
        known = isinstance(error, AssertionError)
        verdict, text = "FAILS", str(error) if known else f"it cannot be read: {error!r}"
    verdicts.add(verdict)
    line = "".join(one if one.isprintable() else "?" for one in f"{verdict:8} {name}: {text}")
    sys.stdout.buffer.write(f"{line}\n".encode())


def need(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def hashed(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(seconds))


def add(p: tuple[int, int], q: tuple[int, int]) -> tuple[int, int]:
    k, x, y = D * p[0] * q[0] * p[1] * q[1], p[0] * q[1] + q[0] * p[1], p[1] * q[1] + p[0] * q[0]
    return x * pow(1 + k, -1, P) % P, y * pow(1 - k, -1, P) % P


def times(number: int, p: tuple[int, int]) -> tuple[int, int]:
    half = times(number // 2, add(p, p)) if number else (0, 1)
    return add(half, p) if number % 2 else half


def point(data: bytes) -> tuple[int, int]:
    odd, y = divmod(int.from_bytes(data, "little"), 2**255)
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    x = x if x * x % P == square else x * ROOT_OF_MINUS_1 % P
    need(x * x % P == square and y < P and len(data) == 32, "this is no key of Ed25519")
    return (x if x % 2 == odd else P - x), y


def is_signed(public: bytes, message: bytes, signature: bytes) -> bool:
    (x, y), s = point(public), int.from_bytes(signature[32:], "little")
    k = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    x, y = add(times(s % ORDER, point(BASE)), times(k, (P - x, y)))
    return len(signature) == 64 and s < ORDER and (y | x % 2 << 255).to_bytes(32, "little") == signature[:32]


def key_of(line: str) -> tuple[str, bytes, bytes]:
    """A verifier key (c2sp.org/signed-note): name, id, and type (1: log, 4: witness) with public key."""
    name, key_id, key = line.strip().split("+", 2)
    need(hashed(name.encode(), b"\n", unpack(key)).hex()[:8] == key_id, "this is no verifier key")
    return name, bytes.fromhex(key_id), unpack(key)


@functools.cache
def opened(note: str) -> tuple[int, bytes, str]:
    """A checkpoint (c2sp.org/tlog-checkpoint): its size and root, and what to say of it."""
    body, signatures = note.replace("\r\n", "\n").rstrip("\n").rsplit("\n\n", 1)
    (origin, size, root), body, signed = body.split("\n"), f"{body}\n", dict[str, str]()
    for _, name, text in (line.split(" ") for line in signatures.split("\n")):
        for key in (key for key in keys if key[:2] == (name, unpack(text)[:4])):
            message, signature, signer = body, unpack(text)[4:], name
            if key[2][0] == 4:  # c2sp.org/tlog-cosignature
                at, signature = int.from_bytes(signature[:8], "big"), signature[8:]
                message, signer = f"cosignature/v1\ntime {at}\n{body}", f"the witness {name} at {moment(at)}"
            need(
                is_signed(key[2][1:], message.encode(), signature), f"the signature of {signer} is not valid"
            )
            signed[name] = signer
    need(signed.get(origin) == keys[0][0], f"this is no checkpoint signed by {keys[0][0]}")
    others = "".join(f", not by {key[0]}" for key in keys if key[0] not in signed)
    return int(size), unpack(root), f"{size} actions, signed by {', '.join(signed.values())}{others}"


def climb(path: list[bytes], number: int, size: int, reached: bytes) -> bytes:
    """The root that a proof leads to (RFC 9162 §2.1.3.2)."""
    last = size - 1
    for beside in path:
        need(0 <= number <= last > 0, "the proof is not one for this place")
        if number % 2 or number == last:
            reached = hashed(b"\1", beside, reached)
            while number and not number % 2:
                number, last = number // 2, last // 2
        else:
            reached = hashed(b"\1", reached, beside)
        number, last = number // 2, last // 2
    need(number == last == 0, "the proof is not one for this place")
    return reached


def merged(hashes: list[bytes]) -> bytes:
    half = len(hashes) // 2
    return hashed(b"\1", merged(hashes[:half]), merged(hashes[half:])) if half else hashes[0]


@functools.lru_cache(1000)
def tile(level: int, index: int, size: int) -> list[bytes]:
    """The hashes of a tile (c2sp.org/tlog-tiles). A full one is held against the one above it, and so on."""
    width, name, rest = min(256, (size >> 8 * level) - 256 * index), f"{index % 1000:03}", index // 1000
    while rest:
        name, rest = f"x{rest % 1000:03}/{name}", rest // 1000
    whole, part = (folder / "tile" / str(level) / one for one in (name, f"{name}.p/{width}"))
    data = (whole if width == 256 or whole.is_file() else part).read_bytes()
    hashes = [data[at : at + 32] for at in range(0, width * 32, 32)]
    if width == 256:
        above = tile(level + 1, index // 256, size)[index % 256]
        need(merged(hashes) == above, f"{whole.relative_to(folder)} is not what the log has")
    return hashes


def root_from_tiles(size: int, newest_size: int) -> bytes:
    """The root of a log when it had this size, from the tiles of a newer one."""
    start, roots = 0, list[bytes]()
    while start < size:
        height = (size - start).bit_length() - 1
        index, first = divmod(start >> height // 8 * 8, 256)
        hashes = tile(height // 8, index, newest_size)[first : first + 2 ** (height % 8)]
        start, roots = start + 2**height, [merged(hashes), *roots]
    return functools.reduce(lambda right, left: hashed(b"\1", left, right), roots)


def compare(size: int, root: bytes, newest_size: int, newest_root: bytes) -> str:
    """Whether a log was the beginning of what it is now: both roots have to follow from the same tiles."""
    need(
        size <= newest_size,
        f"{size} actions, checkpoint.txt has {newest_size}: it is older, or some were removed",
    )
    if size in (0, newest_size):
        same = root == (newest_root if size else hashed())
    else:
        need(root_from_tiles(newest_size, newest_size) == newest_root, "the tiles are of another log")
        same = root_from_tiles(size, newest_size) == root
    need(same, "it is not the beginning of checkpoint.txt: what was in the log then has been changed")
    return "the log is the same up to there"


def proof(one: dict[str, Any], *newest: Any) -> str:
    """An action with its rows, and values that their digests stand for (c2sp.org/tlog-proof)."""
    head, note = one["proof"].split("\n\n", 1)
    version, index, *path = (line for line in head.split("\n") if not line.startswith("extra "))
    (size, root, _), leaf, place = opened(note), unpack(one["leaf"]), int(index.replace("index ", "", 1))
    reached = climb([unpack(line) for line in path], place, size, hashed(b"\0", leaf))
    need(version == "c2sp.org/tlog-proof@v1" and reached == root, "the log does not have this action")
    shown: dict[Any, dict[str, Any]] = {None: json.loads(leaf)}
    action = shown[None]
    need((action["header"], place) == (one["auditHeaderId"], one["leafIndex"]), "it is of another action")
    story = [f"{moment(action['at'] / 1000)}: {action['description']} ({action['method']} {action['route']})"]
    for row in one["rows"]:
        data, at, path = unpack(row["row"]), int(row["index"]), [bytes.fromhex(one) for one in row["proof"]]
        reached = climb(path, at, action["rows"], hashed(b"\0", data))
        need(reached.hex() == action["rowsRoot"], f"row {at} is not one of this action")
        shown[at] = json.loads(data)
        story.append(f"row {at}: {shown[at]['entity']} {shown[at]['id']}, {shown[at]['code']}")
    for opening in one["openings"]:
        digest: Any = shown[opening.get("row")]
        for name in opening["field"].split("."):
            digest = digest[name]
        salted = hashed(bytes.fromhex(opening["salt"]), opening["value"].encode()).hex()
        need(salted == digest, f"{opening['field']} is not {opening['value']}")
        story.append(f"{opening['field']} = {opening['value']!r}")
    return f"{'; '.join(story)}; {compare(size, root, *newest)}"


def older(file: pathlib.Path, *newest: Any) -> str:
    size, root, text = opened(file.read_text("utf-8"))
    return f"{text}; {compare(size, root, *newest)}"


def answers(file: pathlib.Path, *newest: Any) -> str:
    actions = json.loads(file.read_text("utf-8"))
    for one in actions:
        attempt(f"proofs/{file.name}, action {one['auditHeaderId']}", proof, one, *newest)
    return f"all of its {len(actions)} actions were looked at"


def main() -> str:
    keys.extend(key_of(line) for line in (folder / "key.txt").read_text("utf-8").split("\n") if line)
    size, root, text = opened((folder / "checkpoint.txt").read_text("utf-8"))
    for kind, check in (("older", older), ("proofs", answers)):
        for file in sorted((folder / kind).glob("*")):
            attempt(f"{kind}/{file.name}", check, file, size, root)
    return text


if __name__ == "__main__":
    attempt("checkpoint.txt", main) if len(sys.argv) == 2 else sys.exit(__doc__)
    sys.exit(verdicts != {"HOLDS"})
