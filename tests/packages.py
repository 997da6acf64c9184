"""Programs of the system that tests use: who hasn't them hears which package to install, and CI never goes without."""

import os
import shutil
from typing import NoReturn

import pytest


def program(package: str, *names: str) -> str:
    """The path of a program by the first of its names that is there; without one the test is skipped, or fails in CI."""
    path = f"{os.environ['PATH']}:/usr/sbin"  # which not everybody's has
    found = next(filter(None, (shutil.which(name, path=path) for name in names or (package,))), None)
    return found or missing(f"no {package} on this machine (apt-get install {package})")


def missing(what: str) -> NoReturn:
    """Skip a test for want of something, which is told; in CI it fails."""
    if os.environ.get("CI"):
        pytest.fail(f"{what}, and CI is set: the README names the packages that tests use")
    pytest.skip(what)
