"""How long the program takes to start: the help, a short command, and the server until it is ready."""

import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial

from bench.calls.measuring import in_turns, spent
from bench.calls.rows import Figure, Row, Work
from bench.calls.site import CLIENT_ID, Site
from bench.media.servers import earwitness, environment


def _started(ours: Work) -> Callable[[Site], Figure]:
    def measure(site: Site) -> Figure:
        each = [partial(spent, site.used_here, partial(work, site)) for work in (ours, _import)]
        for one in each:
            one()  # files are read from the disk only the first time
        return in_turns(site.rounds, *each)

    return measure


def _run(site: Site, *words: str) -> None:
    variables = os.environ | environment(site.settings)
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # or our modules were compiled each time, the floor's not
    subprocess.run([sys.executable, *words], env=variables, check=True, stdout=subprocess.DEVNULL)


def _import(site: Site) -> None:
    _run(site, "-c", "import sqlalchemy")


def _serve(site: Site) -> None:
    with earwitness(site.settings, jobs=True):
        pass


_FLOOR = 'python -c "import sqlalchemy"'
ROWS = tuple(
    Row(f"start: {name}", "ms of processor", _FLOOR, most, _started(ours), "stopped")
    for name, most, ours in (
        ("earwitness --help", 1, lambda site: _run(site, "-m", "earwitness", "--help")),
        (
            "earwitness user list",
            2.5,
            lambda site: _run(site, "-m", "earwitness", "user", "list", str(CLIENT_ID), "--json"),
        ),
        (
            "earwitness search",
            2.5,
            lambda site: _run(site, "-m", "earwitness", "search", str(CLIENT_ID), "--json"),
        ),
        # It starts a decoding process too, to say what confines it.
        ("earwitness status", 4, lambda site: _run(site, "-m", "earwitness", "status", "--json")),
        ("earwitness serve, until it is ready, and its end", 6, _serve),
    )
)
