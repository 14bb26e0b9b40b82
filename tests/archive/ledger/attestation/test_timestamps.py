"""Timestamps are asked of an authority (RFC 3161), and `openssl ts` reads what is kept."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from earwitness.archive.ledger.attestation.timestamps import TimestampFailed, timestamp
from tests.archive.ledger.attestation.answering import Answer, answering, dripping, silent
from tests.witness.plain_log import PlainLog

CONTENT = PlainLog().note(5).text.encode()
REPLY = "application/timestamp-reply"

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the program openssl")

CONFIGURATION = """
[tsa]
default_tsa = here
[here]
dir = {folder}
serial = $dir/serial
signer_cert = $dir/cert.pem
signer_key = $dir/key.pem
signer_digest = sha256
default_policy = 1.2.3.4.1
digests = {digests}
accuracy = secs:1
ordering = yes
"""


class Authority:
    """An authority of timestamps in a folder, made with the program openssl."""

    def __init__(self, folder: Path, digests: str = "sha256") -> None:
        self.folder = folder
        (folder / "openssl.cnf").write_text(CONFIGURATION.format(folder=folder, digests=digests))
        (folder / "serial").write_text("01\n")
        self._make_certificate()

    def _make_certificate(self) -> None:
        """It signs itself, and may only sign timestamps."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Timestamps for tests")])
        now = datetime.now(UTC)
        only = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
        made = (
            x509.CertificateBuilder(name, name, key.public_key(), 1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
            .add_extension(only, critical=True)
            .sign(key, SHA256())
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / "key.pem").write_bytes(pem)
        (self.folder / "cert.pem").write_bytes(made.public_bytes(Encoding.PEM))

    def openssl(self, *words: str) -> bytes:
        return subprocess.run(
            ["openssl", *words], cwd=self.folder, check=True, capture_output=True, timeout=60
        ).stdout

    def reply(self, path: str, query: bytes) -> Answer:
        (self.folder / "query").write_bytes(query)
        return 200, REPLY, self.openssl("ts", "-reply", "-config", "openssl.cnf", "-queryfile", "query")


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
def url(authority: Authority) -> Iterator[str]:
    with answering(authority.reply) as at:
        yield f"{at}/tsa"


def test_openssl_verifies_the_token_that_is_kept(authority: Authority, url: str) -> None:
    made = timestamp(url, CONTENT)
    assert abs(made.at - datetime.now(UTC)) < timedelta(hours=1)
    query = authority.openssl("ts", "-query", "-in", "query", "-text").decode()
    assert "Hash Algorithm: sha256" in query
    assert "Certificate required: yes" in query
    (authority.folder / "token").write_bytes(made.token)
    (authority.folder / "content").write_bytes(CONTENT)
    kept = ("ts", "-verify", "-in", "token", "-token_in", "-CAfile", "cert.pem", "-data", "content")
    assert b"Verification: OK" in authority.openssl(*kept)
    (authority.folder / "content").write_bytes(CONTENT.replace(b"5", b"6"))
    with pytest.raises(subprocess.CalledProcessError):
        authority.openssl(*kept)


def test_a_timestamp_over_something_else_is_refused(authority: Authority) -> None:
    with answering(authority.reply) as at:
        timestamp(at, b"something else")
    other = authority.reply("", (authority.folder / "query").read_bytes())
    with answering(lambda path, body: other) as at, pytest.raises(TimestampFailed, match="something else"):
        timestamp(at, CONTENT)


def test_an_older_timestamp_over_the_same_is_refused(authority: Authority, url: str) -> None:
    timestamp(url, CONTENT)
    older = authority.reply("", (authority.folder / "query").read_bytes())
    with answering(lambda path, body: older) as at, pytest.raises(TimestampFailed, match="another request"):
        timestamp(at, CONTENT)


def test_what_the_authority_does_not_grant_is_told(tmp_path: Path) -> None:
    strict = Authority(tmp_path, digests="sha512")
    with answering(strict.reply) as at, pytest.raises(TimestampFailed, match="granted none"):
        timestamp(at, CONTENT)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (None, "no answer"),
        ((200, REPLY, b""), "is no timestamp"),
        ((200, REPLY, b"\x30\x03\x02\x01\x00"), "is no timestamp|granted none"),
        ((200, REPLY, b"\xff" * 1000), "is no timestamp"),
        ((200, REPLY, b"\x30" * (2 << 20)), "an answer of more than"),
        ((200, "text/html", b"<html>"), "it answered 200, and no timestamp"),
        ((500, REPLY, b""), "it answered 500"),
        ((307, REPLY, b""), "it answered 307"),
    ],
)
def test_what_is_no_timestamp_fails_without_harm(answer: Answer | None, why: str) -> None:
    with answering(lambda path, body: answer) as at, pytest.raises(TimestampFailed, match=why):
        timestamp(at, CONTENT)


@pytest.mark.parametrize("server", [silent, dripping])
def test_an_authority_that_hangs_or_drips_is_given_up(
    server: Callable[[], AbstractContextManager[str]],
) -> None:
    with server() as at, pytest.raises(TimestampFailed, match="no answer within 2 seconds"):
        timestamp(at, CONTENT, seconds=2)


def test_a_reply_with_a_damaged_beginning_is_refused(authority: Authority, url: str) -> None:
    """The certificate and the signature at its end are for `openssl ts -verify` to judge."""
    timestamp(url, CONTENT)
    _, _, reply = authority.reply("", (authority.folder / "query").read_bytes())
    damaged = [reply[:at] + bytes([reply[at] ^ 0x55]) + reply[at + 1 :] for at in range(30)]
    answers = iter(damaged)
    with answering(lambda path, body: (200, REPLY, next(answers))) as at:
        for _ in damaged:
            with pytest.raises(TimestampFailed):
                timestamp(at, CONTENT)
