"""earwitness serve and earwitness worker: the server, and the job loop alone."""

import os
import signal
import threading
from contextlib import nullcontext
from typing import Annotated

import typer
import uvicorn
from litestar import Litestar

from earwitness.app import build
from earwitness.archive.accounts import Accounts
from earwitness.cli.output import fail, opened, say
from earwitness.http.metrics import shared_by_processes
from earwitness.kernel.logs import log_to_stderr
from earwitness.kernel.settings import SettingError, Settings
from earwitness.workers.loop import JobLoop

Host = Annotated[str, typer.Option("--host", help="The address to listen on.")]
Port = Annotated[int, typer.Option("--port", min=0, max=65535, help="The port to listen on.")]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8080,
    workers: Annotated[int, typer.Option("--workers", min=1, help="How many processes serve.")] = 1,
    no_jobs: Annotated[bool, typer.Option("--no-jobs", help="Leave jobs to `earwitness worker`.")] = False,
) -> None:
    """Serve the API, with the job loop inside unless told not to."""
    if no_jobs:
        os.environ["EARWITNESS_JOBS"] = "off"
    with opened() as accounts:
        if outdated := accounts.outdated():
            fail(f"Account {outdated[0]} has older tables: run `earwitness db upgrade` first.")
    say(f"Earwitness serves http://{host}:{port}/api")
    listen(host, port, workers)


def listen(host: str, port: int, workers: int = 1) -> None:
    """Serve until told to stop. Each process builds the application from the environment."""
    with shared_by_processes() if workers > 1 else nullcontext():
        uvicorn.run(
            "earwitness.cli.serving:application",
            factory=True,
            host=host,
            port=port,
            workers=workers,
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
    return build(settings)


def worker() -> None:
    """Run the job loop alone."""
    try:
        settings = Settings.from_environment()
    except SettingError as error:
        fail(str(error))
    log_to_stderr(settings.log_level)
    stopping = threading.Event()
    for signal_number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(signal_number, lambda *_: stopping.set())
    accounts = Accounts(settings)
    loop = JobLoop(accounts, settings)
    loop.start()
    say("Earwitness works on jobs; Ctrl-C ends it.")
    stopping.wait()
    loop.stop()
    accounts.close()
