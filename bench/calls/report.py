"""The table of results, as it is printed and as it is kept."""

from dataclasses import dataclass
from typing import Literal

from bench.calls.rows import Figure, Row

Verdict = Literal["ok", "missed", "not there", "failed"]
HEADER = (
    "| measurement | unit | target | figure | floor | ratio | |\n"
    "|---|---|---|---|---|---|---|"
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Result:
    """What became of a row: its figure, or why there is none."""

    row: Row
    figure: Figure | None = None
    verdict: Verdict = "failed"
    reason: str = ""

    @classmethod
    def of(cls, row: Row, figure: Figure) -> "Result":
        beside = f"{short(figure.allowed)} {row.unit} are allowed for a call that does nothing"
        verdict: Verdict = "ok" if figure.meets(row.most) else "missed"
        return cls(row, figure, verdict, beside if figure.allowed else "")

    def line(self) -> str:
        """A line of the table, in Markdown."""
        row, figure = self.row, self.figure
        cells = (
            ["–", "–", "–"] if figure is None else list(map(short, (figure.ours, figure.floor, figure.ratio)))
        )
        verdict = f"**{self.verdict}**" if self.verdict != "ok" else "ok"
        return f"| {row.name} | {row.unit} | {short(row.most)} | {' | '.join(cells)} | {verdict} |"

    def as_json(self) -> dict[str, object]:
        row, figure = self.row, self.figure
        figures = (
            {}
            if figure is None
            else {
                "figure": figure.ours,
                "floor": figure.floor,
                "ratio": figure.ratio,
                "allowed": figure.allowed,
            }
        )
        return {
            "name": row.name,
            "unit": row.unit,
            "target": row.most,
            "verdict": self.verdict,
            **figures,
        } | ({"reason": self.reason} if self.reason else {})


def short(number: float) -> str:
    """A number with three figures that count."""
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"
