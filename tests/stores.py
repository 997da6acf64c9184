"""SQLite files that are made once and copied: bringing a store up to date takes longer than most tests."""

import asyncio
import atexit
import functools
import shutil
import tempfile
from pathlib import Path

import db


@functools.cache
def empty() -> Path:
    """A file with all tables and nothing in them."""
    folder = Path(tempfile.mkdtemp(prefix="tessera-stores-"))
    atexit.register(shutil.rmtree, folder)
    asyncio.run(db.migrate(f"sqlite://{folder / 'empty.db'}"))
    return folder / "empty.db"
