"""The printed result of a benchmark: a table of figures with their comparisons, and the machine."""

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

PACKAGES = (
    "strawberry-graphql",
    "graphql-core",
    "fastapi",
    "uvicorn",
    "uvloop",
    "tortoise-orm",
    "aiosqlite",
    "asyncpg",
)


@dataclass(frozen=True)
class ResultRow:
    """The figures of all rounds and those they are compared with, in one unit; the ratio's floor and aim."""

    what: str
    figures: Sequence[float]
    against: str
    others: Sequence[float]
    floor: float
    aim: float
    costs: Sequence[float] = ()
    other_costs: Sequence[float] = ()
    unit: str = "/s"
    less_is_better: bool = False

    @property
    def ratio(self) -> float:
        """The median of the rounds' own ratios: what slows down a whole round slows down both."""
        return statistics.median(figure / other for figure, other in zip(self.figures, self.others, strict=True))

    @property
    def cost_ratio(self) -> str:
        """The ratio of the servers' processor time a request, which a busy machine distorts less; empty if unknown."""
        if not all(self.costs) or not self.costs:
            return ""
        return (
            f"{statistics.median(other / cost for cost, other in zip(self.costs, self.other_costs, strict=True)):.2f}"
        )

    @property
    def verdict(self) -> str:
        def is_reached(target: float) -> bool:
            return self.ratio <= target if self.less_is_better else self.ratio >= target

        return "aim" if is_reached(self.aim) else "floor" if is_reached(self.floor) else "MISSED"

    @property
    def cells(self) -> tuple[str, ...]:
        figure, other = statistics.median(self.figures), statistics.median(self.others)
        return (
            self.what,
            _written(figure, self.unit),
            f"{self.against}: {_written(other, self.unit)}",
            f"{self.ratio:.2f}",
            self.cost_ratio,
            f"{self.floor:g}",
            f"{self.aim:g}",
            self.verdict,
        )


def _written(figure: float, unit: str) -> str:
    return f"{figure:,.{0 if figure >= 100 else 1}f}{unit}"


def markdown(rows: Sequence[ResultRow]) -> str:
    """The rows as a Markdown table with a head."""
    cells = [
        ("what", "figure", "against", "ratio", "by processor time", "floor", "aim", "reached"),
        *(row.cells for row in rows),
    ]
    return markdown_table(cells)


def markdown_table(cells: Sequence[Sequence[str]]) -> str:
    """Cells as a Markdown table; the first line is the head."""
    widths = [max(len(line[column]) for line in cells) for column in range(len(cells[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def machine() -> str:
    """The machine, and the versions of Python and packages."""
    packages = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (
        f"Python {platform.python_version()} on {platform.system()}, {os.cpu_count()} CPUs ({_processor()}); {packages}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            return next(line.partition(":")[2].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()
