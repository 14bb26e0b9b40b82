"""nginx in front of the servers, configured by the example of docs/operations.md."""

import datetime
import ipaddress
import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

HOST_NAME = "archive.example.com"

_OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
_CONFIG = """
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/nginx-body;
    proxy_temp_path {folder}/nginx-proxy;
    fastcgi_temp_path {folder}/nginx-fastcgi;
    uwsgi_temp_path {folder}/nginx-uwsgi;
    scgi_temp_path {folder}/nginx-scgi;
{example}
}}
"""


def nginx() -> str | None:
    """The path of nginx, if it is installed."""
    return shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")


def documented_example() -> str:
    """The example for several servers, as docs/operations.md has it."""
    blocks = re.findall(r"```nginx\n(.*?)```", _OPERATIONS.read_text(), re.DOTALL)
    [example] = [block for block in blocks if block.startswith("upstream")]
    return str(example)


def write_nginx(folder: Path, listen: str, servers: Sequence[str]) -> Path:
    """Write the example with our addresses and a certificate of our own. Returns the file."""
    key, certificate = folder / "archive.key", folder / "archive.pem"
    _certify(listen.partition(":")[0], key, certificate)
    example = documented_example()
    for number, server in enumerate(servers, start=1):
        example = _replace_once(example, f"10.0.0.{number}:8080", server)
    example = _replace_once(example, "listen 443 ssl;", f"listen {listen} ssl;")
    example = _replace_once(example, "/etc/ssl/archive.key", str(key))
    example = _replace_once(example, "/etc/ssl/archive.pem", str(certificate))
    config = folder / "nginx.conf"
    config.write_text(_CONFIG.format(folder=folder, example=example))
    return config


def _replace_once(example: str, written: str, ours: str) -> str:
    if example.count(written) != 1:
        raise ValueError(f"docs/operations.md should name {written} once in the example")
    return example.replace(written, ours)


def _certify(address: str, key_file: Path, certificate_file: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST_NAME)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(HOST_NAME), x509.IPAddress(ipaddress.ip_address(address))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=2))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_file.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    certificate_file.write_bytes(certificate.public_bytes(pem))
