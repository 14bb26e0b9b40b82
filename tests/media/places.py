"""Places for media: a disk, and buckets in memory, in a folder and on real S3 servers."""

import os
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import obstore
from obstore.store import LocalStore, MemoryStore, S3Store

from earwitness.media.stores.bucket import Bucket
from earwitness.media.stores.bucket_store import BucketStore
from earwitness.media.stores.disk import DiskStore
from earwitness.media.stores.store import Store

S3_SERVERS = {
    "moto": ["-m", "moto.server", "-H", "127.0.0.1", "-p", "0"],
    "swift": [str(Path(__file__).with_name("swift_server.py"))],
}
"""The Python code of each server. It prints where it listens."""
PLACES = ("disk", "memory", "folder", *S3_SERVERS)
SHARED_PLACES = ("disk", *S3_SERVERS)
"""The places that several processes can use."""


@dataclass(frozen=True)
class Place:
    """The place of an account's media: a folder, and for S3 the address of the server."""

    kind: str
    folder: Path
    endpoint: str = ""
    memory: MemoryStore | None = None

    def bucket(self) -> Bucket:
        if self.memory is not None:
            return self.memory
        if self.kind == "folder":
            return LocalStore(self.folder / "bucket", mkdir=True)
        return s3_bucket(self.endpoint, prefix=self.folder.name)

    def store(self) -> Store:
        if self.kind == "disk":
            return DiskStore(self.folder / "media")
        # Swift rounds times up to the next second.
        return BucketStore(self.bucket(), self.folder / "incoming", settled_after=timedelta(seconds=-1))

    def let_time_pass(self) -> None:
        """Make the markers of uploads look as if they had been idle for long."""
        for marker in self.folder.rglob("incoming/*"):
            os.utime(marker, (0, 0))

    def left(self) -> list[str]:
        """Everything in this place: objects, parts of objects, and markers of uploads."""
        found = [str(path) for path in self.folder.rglob("*") if path.is_file()]
        if self.kind in {"memory", "s3"}:
            found += [part["path"] for batch in obstore.list(self.bucket()) for part in batch]
        return found


def place_of(kind: str, folder: Path, endpoint: str = "") -> Place:
    """A new place of a kind, in a folder under `folder`."""
    place = Place(kind, folder / uuid.uuid4().hex, endpoint)
    place.folder.mkdir()
    return replace(place, memory=MemoryStore()) if kind == "memory" else place


def s3_bucket(endpoint: str, prefix: str | None = None) -> S3Store:
    return S3Store(
        "archive",
        prefix=prefix,
        endpoint=endpoint,
        region="us-east-1",
        access_key_id="test:test",
        secret_access_key="test",
        client_options={"allow_http": True},
        retry_config={"max_retries": 0},
    )


@contextmanager
def s3_server(kind: str) -> Iterator[str]:
    """The address of an S3 server in a process of its own, which has a bucket named `archive`."""
    command = [sys.executable, *S3_SERVERS[kind]]
    with (
        TemporaryDirectory() as folder,
        subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=folder
        ) as server,
    ):
        try:
            assert server.stderr is not None
            says = next(line for line in server.stderr if "Running on http://" in line)
            endpoint = says.split("Running on ")[1].split()[0]
            # Read its output, or it would wait when the pipe is full.
            threading.Thread(target=server.stderr.read, daemon=True).start()
            made = obstore.sign(s3_bucket(endpoint), "PUT", "", timedelta(minutes=1))
            urllib.request.urlopen(urllib.request.Request(made, method="PUT")).close()
            yield endpoint
        finally:
            server.kill()
