"""The benchmarks' own parts: what is sent is a request, what is refused ends the run, the pages show what was measured."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request as StarletteRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

import main
from benchmarks import attacks, hostile, load, pages
from benchmarks.load import LoadRequest
from benchmarks.table import ResultRow
from tests import packages
from tests.conftest import serving

ROOT = Path(main.__file__).resolve().parent


@pytest.mark.parametrize("name", pages.PAGES)
def test_the_pages_show_what_was_measured(name: str) -> None:
    """Each marked part of a page is what the newest run has printed; `python -m benchmarks.pages` writes it."""
    page = (ROOT / name).read_text(encoding="utf-8")
    assert "<!-- figures: " in page
    assert pages.with_figures(page) == page


def test_the_claims_that_were_measured_stand_in_performance_as_printed() -> None:
    """The table of the newest run, line by line, and what it was measured on; the README has its first and last row."""
    measured = pages.result("claims").splitlines()
    table = [line for line in measured if line.startswith("|")]
    assert len(table) >= 3
    shown = (ROOT / "docs/performance.md").read_text(encoding="utf-8")
    assert "\n".join(table) in shown
    assert measured[-1] in shown
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for what in ("`claimCode`, spread over 100,000 codes", "`claimCode`, spread, PostgreSQL, 2 workers"):
        [row] = [line for line in table if line.startswith(f"| {what} ")]
        assert f" made {row.split('|')[2].strip().removesuffix('/s')}" in readme


def test_every_figure_stands_in_a_page() -> None:
    """Nothing is made of a run that no page shows, and a table has as many rows as were measured."""
    shown = "".join((ROOT / name).read_text(encoding="utf-8") for name in pages.PAGES)
    assert {name for name in pages.FIGURES if f"<!-- figures: {name} -->" in shown} == set(pages.FIGURES)
    assert pages.flat(pages.result("flat")).count("\n| ") == pages.result("flat").count(" ratio ")
    made = pages.generation(pages.result("generation"))
    assert made.count("\n| SQLite") + made.count("\n| PostgreSQL") == len(pages.result("generation").splitlines()) - 1


async def requests_of(client: str, good: str, monkeypatch: pytest.MonkeyPatch) -> tuple[load.Answers, list[Any]]:
    """What a real server was asked for half a second, and what the client says came of it."""
    received: list[Any] = []

    async def record(request: StarletteRequest) -> JSONResponse:
        received.append((request.headers["authorization"], await request.json()))
        return JSONResponse({"ok": True})

    async with serving(Starlette(routes=[Route("/hear", record, methods=["POST"])])) as address:
        body = json.dumps({"text": "<text>", "email": "<n>@example.com"})
        request = LoadRequest(address, "/hear", body, good, "key", ["aaaaaaaa", "bbbbbbbb"])
        if client == "paced":
            return await asyncio.to_thread(load.paced, request, 0.5, 100, 7), received
        if client == "asyncio":
            monkeypatch.setattr(load, "WRK", None)
        return await asyncio.to_thread(load.most, request, 1, 7), received


@pytest.fixture(params=["paced", "asyncio", pytest.param("wrk", marks=pytest.mark.processes)])
def client(request: pytest.FixtureRequest) -> str:
    """How a server is asked."""
    if request.param == "wrk":
        packages.program("wrk")
    return str(request.param)


async def test_what_a_server_is_asked(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole requests, no two alike, and as many answers as are counted."""
    answers, received = await requests_of(client, '"ok":true', monkeypatch)
    assert {key for key, _ in received} == {"Bearer key"}
    assert {body["text"] for _, body in received} == {"aaaaaaaa", "bbbbbbbb"}
    emails = {body["email"] for _, body in received}
    assert len(emails) == len(received) >= answers.answered > 0
    assert min(emails) in ("0000000008@example.com", "0000000009@example.com")  # wrk asks for one and drops it
    assert answers.p50 <= answers.p99
    if client == "paced":
        assert answers.answered == len(received) == 50


async def test_a_wrong_answer_ends_the_run(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused is no speed."""
    with pytest.raises(SystemExit, match="wrong"):
        await requests_of(client, '"ok":false', monkeypatch)


def test_what_is_reached() -> None:
    """The median of the rounds' own ratios decides, less being better where it is."""
    fast, slow = [30.0, 4.0, 50.0], [100.0, 10.0, 100.0]
    assert ResultRow("a", fast, "b", slow, 0.3, 0.4).ratio == 0.4
    assert ResultRow("a", fast, "b", slow, 0.3, 0.4).verdict == "aim"
    assert ResultRow("a", fast, "b", slow, 0.3, 0.5).verdict == "floor"
    assert ResultRow("a", fast, "b", slow, 0.45, 0.5).verdict == "MISSED"
    assert ResultRow("a", slow, "b", fast, 5, 3, less_is_better=True).verdict == "aim"
    assert ResultRow("a", slow, "b", fast, 2, 1, less_is_better=True).verdict == "MISSED"
    assert ResultRow("a", fast, "b", slow, 0, 0, [4.0, 8.0, 5.0], [1.0, 2.0, 1.0]).cost_ratio == "0.25"


def test_hostile_rows_can_be_selected() -> None:
    """Each row has words of its own, by which `--only` finds it, and something to send."""
    assert len({(attack.case, attack.what) for attack in attacks.ATTACKS}) == len(attacks.ATTACKS)
    assert all(attack.requests() for attack in attacks.ATTACKS)


def test_what_was_under_way_counts() -> None:
    """A request that began before a hostile one, or ended after it, was held up by it; no other."""
    honest = hostile.Honest(hostile.TargetServer("http://127.0.0.1:1", 1, {}))
    honest.took["claim"] += [(0.0, 0.9), (0.9, 1.4), (1.5, 1.7), (1.9, 2.2), (2.1, 5.0)]
    assert round(honest.worst("claim", 1.0, 2.0)) == 500
    assert honest.worst("healthz", 1.0, 2.0) == 0
