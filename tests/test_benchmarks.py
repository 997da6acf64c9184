"""The benchmarks' own parts: requests are whole, a wrong answer ends the run, pages show the results."""

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
    page = pages.generation(pages.result("generation"))
    assert page.count("\n| SQLite") + page.count("\n| PostgreSQL") == len(pages.result("generation").splitlines()) - 1


async def requests_of(client: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> tuple[load.LoadResult, list[Any]]:
    """The load's result, and the requests that a real server received meanwhile."""
    received: list[Any] = []

    async def record(request: StarletteRequest) -> JSONResponse:
        received.append((request.headers["authorization"], await request.json()))
        return JSONResponse({"ok": True})

    async with serving(Starlette(routes=[Route("/received", record, methods=["POST"])])) as address:
        body = json.dumps({"text": "<text>", "email": "<n>@example.com"})
        request = LoadRequest(address, "/received", body, expected, "key", ["aaaaaaaa", "bbbbbbbb"])
        if client == "open loop":
            return await asyncio.to_thread(load.open_loop, request, 0.5, 100, 7), received
        if client == "asyncio":
            monkeypatch.setattr(load, "WRK", None)
        return await asyncio.to_thread(load.closed_loop, request, 1, 7), received


@pytest.fixture(params=["open loop", "asyncio", pytest.param("wrk", marks=pytest.mark.processes)])
def client(request: pytest.FixtureRequest) -> str:
    """The kind of client."""
    if request.param == "wrk":
        packages.program("wrk")
    return str(request.param)


@pytest.mark.long
async def test_requests_are_whole_and_differ(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole requests, no two alike, and as many answers as are counted."""
    result, received = await requests_of(client, '"ok":true', monkeypatch)
    assert {key for key, _ in received} == {"Bearer key"}
    assert {body["text"] for _, body in received} == {"aaaaaaaa", "bbbbbbbb"}
    emails = {body["email"] for _, body in received}
    assert len(emails) == len(received) >= result.answered > 0
    assert min(emails) in ("0000000008@example.com", "0000000009@example.com")  # wrk asks for one and drops it
    assert result.p50 <= result.p99
    if client == "open loop":
        assert result.answered == len(received) == 50


@pytest.mark.long
async def test_a_wrong_answer_ends_the_run(client: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal is no throughput."""
    with pytest.raises(SystemExit, match="wrong"):
        await requests_of(client, '"ok":false', monkeypatch)


def test_the_verdict_on_a_row() -> None:
    """The median of the rounds' own ratios decides, less being better where it is."""
    fast, slow = [30.0, 4.0, 50.0], [100.0, 10.0, 100.0]
    assert ResultRow("a", fast, "b", slow, 0.3, 0.4).ratio == 0.4
    assert ResultRow("a", fast, "b", slow, 0.3, 0.4).verdict == "aim"
    assert ResultRow("a", fast, "b", slow, 0.3, 0.5).verdict == "floor"
    assert ResultRow("a", fast, "b", slow, 0.45, 0.5).verdict == "MISSED"
    assert ResultRow("a", slow, "b", fast, 5, 3, less_is_better=True).verdict == "aim"
    assert ResultRow("a", slow, "b", fast, 2, 1, less_is_better=True).verdict == "MISSED"
    assert ResultRow("a", fast, "b", slow, 0, 0, [4.0, 8.0, 5.0], [1.0, 2.0, 1.0]).cost_ratio == "0.25"


@pytest.mark.long
def test_hostile_rows_can_be_selected() -> None:
    """Each row has words of its own, by which `--only` finds it, and something to send."""
    assert len({(attack.case, attack.what) for attack in attacks.ATTACKS}) == len(attacks.ATTACKS)
    assert all(attack.requests() for attack in attacks.ATTACKS)


def test_what_was_under_way_counts() -> None:
    """A request that began before a hostile one, or ended after it, was held up by it; no other."""
    honest = hostile.HonestClients(hostile.TargetServer("http://127.0.0.1:1", 1, {}))
    honest.durations["claim"] += [(0.0, 0.9), (0.9, 1.4), (1.5, 1.7), (1.9, 2.2), (2.1, 5.0)]
    assert round(honest.longest_ms("claim", 1.0, 2.0)) == 500
    assert honest.longest_ms("healthz", 1.0, 2.0) == 0
