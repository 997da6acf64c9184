"""Programs of the system for tests: without one a test is skipped with the package's name, and fails in CI."""

import os
import shutil
from typing import NoReturn

import pytest


def program(package: str, *names: str) -> str:
    """The path of a program by the first of its names that is there; without one the test is skipped, or fails in CI."""
    path = f"{os.environ['PATH']}:/usr/sbin"  # which not everybody's has
    executable = next(filter(None, (shutil.which(name, path=path) for name in names or (package,))), None)
    return executable or missing(f"no {package} on this machine (apt-get install {package})")


def missing(what: str) -> NoReturn:
    """Skip a test with a reason; fail it in CI."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI is set: the README names the packages that tests use")
    pytest.skip(what)
