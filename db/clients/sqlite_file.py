"""Checks that the file which SQLite has opened is still the one at its path.

SQLite goes on writing into a file that was moved away, deleted or replaced, and into a journal that was, without an
error: commits from then on are lost with the process.
"""

import os
from collections.abc import Callable

Identity = tuple[int, int]
"""A file's device and inode."""


class FileGone(OSError):
    """Raised while another file, or none, is at the path of the opened one; it goes on when the file is back."""


class OpenedFile:
    """The identity of a database file and its journal when they were opened."""

    def __init__(self, path: str, on_gone: Callable[[], object]) -> None:
        """`on_gone` is called once each time the file is found to be gone."""
        self._path, self._on_gone = path, on_gone
        self._file: Identity | None = None
        self._journal: Identity | None = None
        self.is_gone = False

    def remember(self) -> None:
        """Remember the file, which has just been opened; its journal is remembered at the first `check`."""
        self._file, self._journal = _identity(self._path), None

    def check(self) -> None:
        """Raises FileGone. It takes some microseconds; call it before and after what must not be lost."""
        if self._file is None:  # not opened yet, or in memory
            return
        journal = _identity(f"{self._path}-wal")
        if _identity(self._path) == self._file and journal == (self._journal or journal):
            self._journal, self.is_gone = journal, False
            return
        if not self.is_gone:
            self.is_gone = True
            self._on_gone()
        raise FileGone(
            f"{self._path}, or its journal {self._path}-wal, is not the file any more that was opened here: it was"
            " moved, deleted or replaced. Put it back and all goes on; to use another file, stop the service first."
        )


def _identity(path: str) -> Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
