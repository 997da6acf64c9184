"""The parts of the tests: what the Makefile leaves out of one is in another, and no process starts unmarked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests import parts

MAKEFILE = (Path(__file__).resolve().parents[1] / "Makefile").read_text(encoding="utf-8")


def test_an_unmarked_test_starts_no_process() -> None:
    """It fails instead, and says which mark is missing."""
    with pytest.raises(AssertionError, match="not marked `processes`"):
        subprocess.run([sys.executable, "-c", ""], check=True)


@pytest.mark.processes
def test_a_marked_test_starts_processes() -> None:
    """As this one does."""
    subprocess.run([sys.executable, "-c", ""], check=True)


def test_what_the_gate_leaves_out_is_what_test_all_adds(request: pytest.FixtureRequest) -> None:
    """`make test` and `make test-all` choose by one expression and its opposite, of marks that there are.

    `make test-all` runs GraphQL's tests once more, on SQLite, with the other engine.
    """
    choices = re.findall(r"-m '(.*?)'", MAKEFILE)
    assert choices == ["not ($(NOT_QUICK))", "not ($(NOT_GATE))", "$(NOT_GATE)", "not ($(NOT_CORE))"]
    assert re.findall(r"^\tTESSERA_GRAPHQL_ENGINE=core .*$", MAKEFILE, re.M) == [
        "\tTESSERA_GRAPHQL_ENGINE=core $(PYTEST) -m 'not ($(NOT_CORE))' $(GRAPHQL)"
    ]
    known = {line.partition(":")[0] for line in request.config.getini("markers")}
    named = {name for line in re.findall(r"^NOT_\w+ = (.*)$", MAKEFILE, re.M) for name in line.split(" or ")}
    assert named >= {"repeated", "browser", "slow", "postgres", "processes", "long"}
    assert named - known == set()


def test_a_seed_draws_the_same_share_again(request: pytest.FixtureRequest) -> None:
    """Of repeated tests alone: all others run, and another seed draws others."""
    items = [item for item in request.session.items if isinstance(item, pytest.Item)]
    repeated = [item for item in items if item.get_closest_marker("repeated")]
    for seed in (1, 2):
        run, left_out = parts.share(items, 50, seed)
        assert parts.share(items, 50, seed) == (run, left_out)
        assert set(left_out) <= set(repeated)
        assert len(run) + len(left_out) == len(items)
    assert parts.share(items, 100, 1) == (items, [])
