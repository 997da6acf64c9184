"""Writes measured figures into the documentation: `python -m benchmarks.pages`, after a benchmark's results are saved.

The text between `<!-- figures: NAME -->` and `<!-- /figures -->` is generated: one of FIGURES, from
`benchmarks/results/FILE.txt`. So no figure is written by hand, and pages can't contradict each other.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.table import markdown_table

ROOT = Path(__file__).resolve().parents[1]
PAGES = ("README.md", "docs/performance.md", "docs/scaling.md", "docs/guessing.md", "docs/sending.md")
_BLOCK = re.compile(r"(<!-- figures: (\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)
_FLAT = re.compile(r"(sqlite|postgres) +(.+?) +few +([\d,]+/s) +many +([\d,]+/s) +ratio ([\d.]+)")
_MADE = re.compile(
    r"(sqlite|postgres) +([A-Z]+) +raw +([\d,]+) rows/s +made +([\d,]+) rows/s +ratio ([\d.]+) +peak (\d+ MB)"
)
_DURING = re.compile(
    r"(sqlite|postgres) +(claims|look-ups) +alone: p50 +([\d.]+ ms), p99 +([\d.]+ ms)"
    r" +meanwhile: p50 +([\d.]+ ms), p99 +([\d.]+ ms)"
)
_LETTERS = re.compile(r"1,000 letters .*: (\d+) a second, .* occupies (\d+ MB) after ([\d,]+) letters")
_BESIDE = re.compile(r"claims beside (.+): (\d+) a second, ([\d.]+) of those beside none")
_STORES = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


def result(name: str) -> str:
    """The output of the latest run of a benchmark."""
    return (ROOT / f"benchmarks/results/{name}.txt").read_text(encoding="utf-8")


def table_and_notes(printed: str) -> str:
    """A run's Markdown table, and its notes on rounds and machine."""
    lines = printed.strip().splitlines()
    rows = [line for line in lines if line.startswith("|")]
    notes = lines[lines.index(rows[-1]) + 1 :]
    return "\n".join([*rows, "", *(line for line in notes if line)])


def summary(printed: str) -> str:
    """The README's sentence on claims: on both databases, beside a bare route, and on how many processors."""

    def row(what: str) -> tuple[str, str]:
        [line] = [line for line in printed.splitlines() if line.startswith(f"| {what} ")]
        cells = [cell.strip() for cell in line.split("|")]
        return cells[2].removesuffix("/s"), cells[4]

    sqlite, of_sqlite = row("`claimCode`, spread over 100,000 codes")
    postgres, of_postgres = row("`claimCode`, spread, PostgreSQL, 2 workers")
    [*_, processors] = re.findall(r"(\d+) CPUs", printed)
    return (
        f"One worker on SQLite made {sqlite} claims a second, {of_sqlite} of the requests that a bare FastAPI route"
        f" answers there;\ntwo workers on PostgreSQL made {postgres}, or {of_postgres}. All of it shared {processors}"
        " processors with the client and the database."
    )


def flat(printed: str) -> str:
    """A large store beside a small one."""
    head = ("store", "what", "10,000 codes", "10,000,000 codes", "ratio")
    rows = [(_STORES[kind], *others) for kind, *others in _FLAT.findall(printed)]
    return f"{markdown_table([head, *rows])}\n\n{printed.splitlines()[0]}."


def generation(printed: str) -> str:
    """Codes made beside ready-made rows inserted, and who else is served meanwhile."""
    head = ("store", "style", "ready-made rows", "made", "ratio", "memory at most")
    rows = [
        (_STORES[kind], f"`{style}`", f"{raw}/s", f"{made}/s", ratio, peak)
        for kind, style, raw, made, ratio, peak in _MADE.findall(printed)
    ]
    head_during = ("store", "beside a job", "p50 alone", "p99 alone", "p50 meanwhile", "p99 meanwhile")
    during = [(_STORES[kind], *others) for kind, *others in _DURING.findall(printed)]
    return f"{markdown_table([head, *rows])}\n\n{markdown_table([head_during, *during])}\n\n{printed.splitlines()[0]}."


def letters(printed: str) -> str:
    """How fast letters go out, and what claims notice of it."""
    rates = _LETTERS.findall(printed)
    head = ("beside", "claims a second", "of those beside none")
    return (
        f"A process sent {', '.join(rate for rate, *_ in rates)} letters a second, a thousand at a time, and occupied"
        f" {rates[-1][1]} after {rates[-1][2]} of them.\n\n{markdown_table([head, *_BESIDE.findall(printed)])}"
    )


FIGURES: Mapping[str, tuple[str, Callable[[str], str]]] = {
    "claims": ("claims", table_and_notes),
    "summary": ("claims", summary),
    "flat": ("flat", flat),
    "generation": ("generation", generation),
    "guessing": ("guessing", table_and_notes),
    "letters": ("letters", letters),
    "scaling": ("scaling", table_and_notes),
}
"""For each name of figures its results file and the function that formats them."""


def with_figures(page: str) -> str:
    """The text of a page with its marked parts generated anew."""

    def replacement(block: re.Match[str]) -> str:
        source, make = FIGURES[block[2]]
        return f"{block[1]}{make(result(source))}\n{block[3]}"

    return _BLOCK.sub(replacement, page)


def main() -> None:
    """Write all pages anew."""
    for name in PAGES:
        path = ROOT / name
        path.write_text(with_figures(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
