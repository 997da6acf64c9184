"""Letters as files, for whoever has no mail server yet: every mail program opens an `.eml`."""

import asyncio
import re
from pathlib import Path

from schema.letters.compose import Letter
from schema.letters.mailer import Unreachable


class Outbox:
    """A mailer that writes each letter into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def send(self, letter: Letter) -> None:
        """Write a letter under its own name, whole or not at all. Raises Unreachable."""
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as trouble:
            raise Unreachable(f"{self._folder} can't be written to: {trouble.strerror}") from None

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        recipient = re.sub(r"[^\w.@+-]", "_", letter.recipient)[:100]
        file = self._folder / f"{letter.id:07}-{recipient}.eml"
        unfinished = file.with_suffix(".part")
        unfinished.write_bytes(letter.content)
        unfinished.replace(file)

    async def rest(self) -> None:
        """Nothing is kept open."""
