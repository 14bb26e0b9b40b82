"""Timestamps are asked of an authority (RFC 3161), and `openssl ts` reads what is kept."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from earwitness.archive.ledger.attestation.timestamps import TimestampFailed, timestamp
from tests.archive.ledger.attestation.answering import Answer, answering, dripping, silent
from tests.archive.ledger.attestation.authority import REPLY, Authority
from tests.witness.plain_log import PlainLog

CONTENT = PlainLog().note(5).text.encode()

pytestmark = pytest.mark.skipif(not shutil.which("openssl"), reason="needs the program openssl")


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
