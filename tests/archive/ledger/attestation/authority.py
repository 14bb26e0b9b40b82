"""An authority of timestamps, made with the program openssl."""

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID

from tests.archive.ledger.attestation.answering import Answer

REPLY = "application/timestamp-reply"

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
