"""Break one part after the other of an installation on several machines, and hold it to what it acknowledged.

    python -m bench.faults [--report FILE] [--json FILE] [--seconds S] [--loopback] [FAULT …]

Recordings are ingested, searched for and played through three servers and nginx while something is broken.
Then the archive is audited: what was acknowledged has to be found once, to play bit for bit, and to be
processed. Exit 1 if anything is lost, doubled or stuck.
"""

import argparse
import json
import os
import signal
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from bench.faults.crowd import Crowd
from bench.faults.network import Loopback, Namespaces, Network, come_inside, is_inside
from bench.faults.proxy import nginx
from bench.faults.report import Row, table
from bench.faults.rows import FAULTS, Fault
from bench.faults.run import audited, broken, calm
from bench.faults.site import Site


def main(words: list[str]) -> int:
    options = _options(words)
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # where `ip` is, and not all users look
    network: Network = Loopback()
    if not options.loopback:
        if not is_inside():
            why = come_inside("bench.faults", words)
            print(f"NO NETWORK NAMESPACES ({why}): nothing can be cut off.", file=sys.stderr, flush=True)
        else:
            network = Namespaces()
    if not nginx():
        print("NO NGINX: clients call the servers themselves.", file=sys.stderr, flush=True)
    faults = _possible(options.faults or list(FAULTS), network)
    if options.seconds:
        faults = {name: replace(fault, seconds=options.seconds) for name, fault in faults.items()}
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with ExitStack() as leaving:
        folder = Path(
            leaving.enter_context(
                tempfile.TemporaryDirectory(prefix="earwitness-faults-", ignore_cleanup_errors=True)
            )
        )
        folder.chmod(0o755)
        rows, wrong = _run(Site(folder, network, leaving), faults)
    written = table(rows)
    print(written)
    for line in wrong:
        print(f"WRONG: {line}")
    if options.report:
        Path(options.report).write_text(written + "\n")
    if options.json:
        told = {"rows": [row.as_json() for row in rows], "wrong": wrong}
        Path(options.json).write_text(json.dumps(told, indent=1) + "\n")
    sound = not wrong and not any(row.lost or row.doubled or row.stuck for row in rows)
    print("Nothing was lost, doubled or stuck." if sound else "The archive did not keep its word.")
    return 0 if sound else 1


def _run(site: Site, faults: dict[str, Fault]) -> tuple[list[Row], list[str]]:
    crowd = Crowd(site.doors, site.start(), int(os.environ.get("FAULTS_SEED") or 1))
    crowd.start()
    rows = []
    try:
        with calm(site, crowd):
            for name, fault in faults.items():
                print(f"  {name} …", end=" ", file=sys.stderr, flush=True)
                rows.append(broken(site, crowd, name, fault))
                print(f"{rows[-1].counts}", file=sys.stderr, flush=True)
    finally:
        crowd.stop()
    wrong = audited(site, crowd, rows)
    site.stop()
    return rows, wrong


def _possible(names: list[str], network: Network) -> dict[str, Fault]:
    """The faults asked for, but those that cannot be made here, which are named."""
    there = {"network"} if network.is_apart else set()
    there |= {"nginx"} if nginx() else set()
    for name in names:
        if missing := FAULTS[name].needs - there:
            print(f"NOT MADE: {name} needs {', '.join(sorted(missing))}.", file=sys.stderr, flush=True)
    return {name: FAULTS[name] for name in names if FAULTS[name].needs <= there}


def _known(name: str) -> str:
    if name not in FAULTS:
        raise argparse.ArgumentTypeError(f"there is no fault {name}, but {', '.join(FAULTS)}")
    return name


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "bench.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", type=_known, help=", ".join(FAULTS))
    parser.add_argument("--seconds", type=float, help="how long each is broken, instead of its own time")
    parser.add_argument("--report", help="write the table here, in Markdown")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--loopback", action="store_true", help="run all parts on loopback")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
