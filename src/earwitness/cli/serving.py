"""earwitness serve and earwitness worker: the server, and the job loop alone."""

import os
import signal
import threading
from contextlib import nullcontext
from typing import Annotated

import typer
import uvicorn
from litestar import Litestar

from earwitness.app import build, learn_types
from earwitness.archive.accounts import Accounts
from earwitness.cli.output import AsJson, opened, say, tell_json
from earwitness.http.metrics import shared_by_processes
from earwitness.http.sharing import Sharing
from earwitness.kernel.logs import log_to_stderr
from earwitness.kernel.memory import keep_freed_memory, seldom_look_for_garbage
from earwitness.kernel.processes import end_with_parent, open_as_many_files_as_allowed
from earwitness.kernel.settings import Settings
from earwitness.workers.loop import JobLoop

Host = Annotated[str, typer.Option("--host", help="The address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8080,
    workers: Annotated[int, typer.Option("--workers", min=1, help="The number of server processes.")] = 1,
    no_jobs: Annotated[
        bool, typer.Option("--no-jobs", help="Leave background jobs to `earwitness worker`.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Serve the API, and do background jobs unless told not to."""
    if no_jobs:
        os.environ["EARWITNESS_JOBS"] = "off"
    with opened(as_json) as accounts:
        _check(accounts)
    base_url = f"http://{host}:{port}/api"
    tell_json({"baseUrl": base_url}) if as_json else say(f"Earwitness is serving {base_url}")
    listen(host, port, workers)


def _check(accounts: Accounts) -> None:
    """Start nothing that could not do its work: other tables, or no keys where there are accounts.

    An account that is damaged is refused, and keeps no other from its work.
    """
    accounts.first()


def listen(host: str, port: int, workers: int = 1) -> None:
    """Serve until told to stop. Each process builds the application from the environment."""
    open_as_many_files_as_allowed()
    with shared_by_processes() if workers > 1 else nullcontext():
        uvicorn.run(
            "earwitness.cli.serving:application",
            factory=True,
            host=host,
            port=port,
            workers=workers,
            http=Sharing if workers > 1 else "auto",
            log_config=None,
            access_log=False,
            server_header=False,
            # Which proxies to believe is our own setting, so that the server must not rewrite addresses.
            proxy_headers=False,
            timeout_graceful_shutdown=30,
        )


def application() -> Litestar:
    """Build the application of one server process."""
    settings = Settings.from_environment()
    log_to_stderr(settings.log_level)
    end_with_parent()
    app = build(settings)
    keep_freed_memory()
    seldom_look_for_garbage()
    return app


def worker(as_json: AsJson = False) -> None:
    """Do background jobs, without serving the API."""
    open_as_many_files_as_allowed()
    stopping = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopping.set())
    with opened(as_json) as accounts:
        _check(accounts)
        log_to_stderr(accounts.settings.log_level)
        learn_types()
        loop = JobLoop(accounts, accounts.settings)
        loop.start()
        tell_json({"works": True}) if as_json else say("Earwitness is doing jobs; press Ctrl-C to stop.")
        stopping.wait()
        loop.stop()
