"""Whether the file that SQLite has opened still stands at its path.

SQLite goes on writing into a file that was moved away, deleted or replaced, and into a journal that was, without a
word: what is committed then is gone with the process.
"""

import os
from collections.abc import Callable

Identity = tuple[int, int]
"""A file's device and inode."""


class FileGone(OSError):
    """Raised while another file, or none, stands where the opened one did."""


class OpenedFile:
    """A database and its journal, as they were when they were opened."""

    def __init__(self, path: str, when_gone: Callable[[], object]) -> None:
        """`when_gone` is called once each time that the file is found to be gone."""
        self._path, self._when_gone = path, when_gone
        self._file: Identity | None = None
        self._journal: Identity | None = None
        self.is_gone = False

    def remember(self) -> None:
        """The database has just been opened; its journal is, once it has been read."""
        self._file, self._journal = _identity(self._path), None

    def check(self) -> None:
        """Raises FileGone. It takes some microseconds; call it before what must not be lost, and after."""
        if self._file is None:  # not opened yet, or in memory
            return
        journal = _identity(f"{self._path}-wal")
        if _identity(self._path) == self._file and journal == (self._journal or journal):
            self._journal, self.is_gone = journal, False
            return
        if not self.is_gone:
            self.is_gone = True
            self._when_gone()
        raise FileGone(
            f"{self._path}, or its journal {self._path}-wal, is not the file any more that was opened here: it was"
            " moved, deleted or replaced. Put it back and all goes on; to use another file, stop the service first."
        )


def _identity(path: str) -> Identity | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino
