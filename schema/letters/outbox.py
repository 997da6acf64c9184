"""Letters as files, for whoever has no mail server yet: every mail program opens an `.eml`.

They tell who got which code: folder and files are their owner's alone.
"""

import asyncio
import os
import re
from contextlib import suppress
from pathlib import Path

from schema.letters.compose import Letter
from schema.letters.mailer import Unreachable


class Outbox:
    """A mailer that writes each letter into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with suppress(OSError):  # not there yet, or not ours
            folder.chmod(0o700)

    async def send(self, letter: Letter) -> None:
        """Write a letter under its own name, whole or not at all. Raises Unreachable."""
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as trouble:
            raise Unreachable(f"{self._folder} can't be written to: {trouble.strerror}") from None

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        recipient = re.sub(r"[^\w.@+-]", "_", letter.recipient)[:100]
        file = self._folder / f"{letter.id:07}-{recipient}.eml"
        unfinished = file.with_suffix(".part")
        with open(unfinished, "wb", opener=_private) as written:
            written.write(letter.content)
        unfinished.replace(file)

    async def rest(self) -> None:
        """Nothing is kept open."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
