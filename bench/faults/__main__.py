"""Break the parts of an installation on several machines, one after another, and check that nothing is lost.

    python -m bench.faults [--report FILE] [--json FILE] [--seconds S] [--loopback] [FAULT …]

Meanwhile clients ingest, search and play recordings through three servers and nginx. At the end every
acknowledged recording must be found once, play bit for bit and be processed. The exit code is 1 if any is
lost, doubled or stuck.
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

from bench.faults.clients import Clients
from bench.faults.network import Loopback, Namespaces, Network, enter_namespaces, is_inside
from bench.faults.proxy import nginx
from bench.faults.report import Row, table
from bench.faults.rows import FAULTS, Fault
from bench.faults.run import audit_accounts, limit_queue, run_fault
from bench.faults.site import Site


def main(words: list[str]) -> int:
    options = _options(words)
    os.environ["PATH"] += ":/usr/sbin:/sbin"  # `ip` is there, and not every user's PATH has it
    network: Network = Loopback()
    if not options.loopback:
        if not is_inside():
            why = enter_namespaces("bench.faults", words)
            print(f"NO NETWORK NAMESPACES ({why}): no part can be cut off.", file=sys.stderr, flush=True)
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
        report = {"rows": [row.as_json() for row in rows], "wrong": wrong}
        Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    sound = not wrong and not any(row.lost or row.doubled or row.stuck for row in rows)
    print("Nothing was lost, doubled or stuck." if sound else "Recordings were lost, doubled or stuck.")
    return 0 if sound else 1


def _run(site: Site, faults: dict[str, Fault]) -> tuple[list[Row], list[str]]:
    clients = Clients(site.targets, site.start(), int(os.environ.get("FAULTS_SEED") or 1))
    clients.start()
    rows = []
    try:
        with limit_queue(site, clients):
            for name, fault in faults.items():
                print(f"  {name} …", end=" ", file=sys.stderr, flush=True)
                rows.append(run_fault(site, clients, name, fault))
                print(f"{rows[-1].counts}", file=sys.stderr, flush=True)
    finally:
        clients.stop()
    wrong = audit_accounts(site, clients, rows)
    site.stop()
    return rows, wrong


def _possible(names: list[str], network: Network) -> dict[str, Fault]:
    """The requested faults that can be made on this machine. Names the others on standard error."""
    available = {"network"} if network.is_apart else set()
    available |= {"nginx"} if nginx() else set()
    for name in names:
        if missing := FAULTS[name].needs - available:
            print(f"NOT MADE: {name} needs {', '.join(sorted(missing))}.", file=sys.stderr, flush=True)
    return {name: FAULTS[name] for name in names if FAULTS[name].needs <= available}


def _known(name: str) -> str:
    if name not in FAULTS:
        raise argparse.ArgumentTypeError(f"there is no fault {name}: choose from {', '.join(FAULTS)}")
    return name


def _options(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "bench.faults", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("faults", nargs="*", metavar="FAULT", type=_known, help=", ".join(FAULTS))
    parser.add_argument("--seconds", type=float, help="how long each fault lasts, instead of its own time")
    parser.add_argument("--report", help="write the table here, in Markdown")
    parser.add_argument("--json", help="write the rows here")
    parser.add_argument("--loopback", action="store_true", help="run all parts on loopback")
    return parser.parse_args(words)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
