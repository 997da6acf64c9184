"""Programs of the system that tests use: who hasn't them hears which package to install, and CI never goes without."""

import os
import shutil

import pytest


def program(package: str, *names: str) -> str:
    """The path of a program by the first of its names that is there; without one the test is skipped, or fails in CI."""
    found = next((path for path in map(shutil.which, names or (package,)) if path), None)
    if found:
        return found
    told = f"no {package} on this machine (apt-get install {package})"
    if os.environ.get("CI"):
        pytest.fail(f"{told}, and CI is set: the README names the packages that tests use")
    pytest.skip(told)
