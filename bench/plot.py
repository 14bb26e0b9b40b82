"""Plot how long searches take in archives of different sizes, from the reports of `bench.search`.

python -m bench.plot REPORT.json REPORT.json … --to search.svg      (needs the extra `bench`)
"""

import argparse
import json
from pathlib import Path

import matplotlib.pyplot as plt

DRAWN = (
    "one day",
    "a third of the archive",
    "rare word",
    "medium word",
    "common word",
    "common phrase",
    "busy endpoint",
    "busy endpoint, common word",
    "calls in of a year",
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("reports", type=Path, nargs="+")
    parser.add_argument("--to", type=Path, required=True)
    arguments = parser.parse_args()
    reports = sorted(
        (json.loads(path.read_text()) for path in arguments.reports), key=lambda report: report["recordings"]
    )
    plt.rcParams["svg.hashsalt"] = "earwitness"
    figure, axes = plt.subplots(figsize=(8, 5))
    for name in DRAWN:
        axes.plot(
            [report["recordings"] for report in reports],
            [report["queries"][name]["median_ms"] for report in reports],
            marker="o",
            label=name,
        )
    axes.set(xscale="log", yscale="log", xlabel="recordings", ylabel="median through HTTP, ms")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(arguments.to, metadata={"Date": None}, bbox_inches="tight")


if __name__ == "__main__":
    main()
