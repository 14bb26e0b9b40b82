"""earwitness serve and earwitness worker: the server, and background jobs without a server."""

import os
import signal
import socket
import threading
from contextlib import suppress
from functools import partial
from typing import Annotated

import typer
import uvicorn
from litestar import Litestar
from uvicorn.config import STARTUP_FAILURE
from uvicorn.supervisors import Multiprocess

from earwitness.app import build, learn_types
from earwitness.archive.accounts.accounts import Accounts
from earwitness.archive.ledger.attestation.configured import witnesses_of
from earwitness.cli.listening import Listening, listening
from earwitness.cli.output import AsJson, opened, say, tell_json
from earwitness.http.connections.bounds import Bounds
from earwitness.http.connections.limited_connection import LimitedConnection
from earwitness.http.connections.shared_socket import SharedSocketConnection
from earwitness.http.monitoring.metrics import shared_by_processes
from earwitness.kernel.confinement.privileges import keep_memory_private
from earwitness.kernel.logs import log_to_stderr
from earwitness.kernel.settings import Settings
from earwitness.kernel.system.memory import keep_freed_memory, seldom_look_for_garbage
from earwitness.kernel.system.processes import dump_no_core, end_with_parent, open_as_many_files_as_allowed
from earwitness.media.decoder.confinement import log_confinement
from earwitness.workers.loop import JobLoop
from earwitness.workers.upkeep import Upkeep

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
        settings = accounts.settings
    with listening(host, port, as_json=as_json) as where:
        base_url = where.base_url
        tell_json({"baseUrl": base_url}) if as_json else say(f"Earwitness is serving {base_url}")
        serve_at(where, settings, workers)


def _check(accounts: Accounts) -> None:
    """Refuse to start with tables of another version, without the keys of existing accounts, or with a wrong
    key of a witness.

    A damaged account does not keep the others from work.
    """
    accounts.identity.check_server()
    witnesses_of(accounts.settings)
    accounts.first()


def serve_at(where: Listening, settings: Settings, workers: int = 1) -> None:
    """Serve until told to stop. Each process builds the application from the environment."""
    dump_no_core(for_good=True)
    open_as_many_files_as_allowed()
    protocol = LimitedConnection if workers == 1 else SharedSocketConnection
    config = uvicorn.Config(
        partial(application, where.host),
        factory=True,
        workers=workers,
        http=partial(protocol, bounds=Bounds(connections=settings.connections)),  # type: ignore[arg-type]
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        # We have our own setting for trusted proxies, so uvicorn must not rewrite addresses.
        proxy_headers=False,
        timeout_graceful_shutdown=30,
        # uvicorn's own 5 seconds are too short for slow machines: it would kill each process and start it
        # again.
        timeout_worker_healthcheck=30,
    )
    if not _has_served(config, where.sockets):
        raise typer.Exit(STARTUP_FAILURE)


def _has_served(config: uvicorn.Config, sockets: list[socket.socket]) -> bool:
    """Serve, in one process or several. False if the application did not start; the log says why."""
    with suppress(KeyboardInterrupt):
        if config.workers > 1:
            with shared_by_processes():
                processes = Multiprocess(config, sockets=sockets)
                processes.run()
            return all(process.exitcode != STARTUP_FAILURE for process in processes.processes)
        server = uvicorn.Server(config)
        server.run(sockets)
        return server.started
    return True


def application(listens_on: str) -> Litestar:
    """Build the application of one server process, which listens on a host, by name or address."""
    keep_memory_private()
    settings = Settings.from_environment()
    log_to_stderr(settings.log_level)
    log_confinement(settings)
    end_with_parent()
    app = build(settings, listens_on=listens_on)
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
        dump_no_core(for_good=True)
        log_to_stderr(accounts.settings.log_level)
        log_confinement(accounts.settings)
        learn_types()
        seldom_look_for_garbage()  # a search for it would hold up a batch, and all who wait for that
        loop, upkeep = JobLoop(accounts, accounts.settings), Upkeep(accounts)
        loop.start()
        upkeep.start()
        tell_json({"works": True}) if as_json else say("Earwitness is doing jobs; press Ctrl-C to stop.")
        with accounts.identity.reporting():
            stopping.wait()
            loop.stop()
            upkeep.stop()
