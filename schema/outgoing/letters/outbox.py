"""Letters as files, for whoever has no mail server yet: every mail program opens an `.eml`.

They tell who got which code: folder and files are their owner's alone.
"""

import asyncio
import errno
import os
import re
from contextlib import suppress
from pathlib import Path

from schema.outgoing.letters.compose import Letter
from schema.outgoing.letters.mailer import PutOff, Unreachable

LONGEST_NAME = 200
"""Bytes of a file's name; file systems take 255, some less where they are encrypted."""

OF_ONE_NAME = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}
"""What a file system says to one name, while it takes others."""


class Outbox:
    """A mailer that writes each letter into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with suppress(OSError):  # not there yet, or not ours
            folder.chmod(0o700)

    async def send(self, letter: Letter) -> None:
        """Write a letter under its own name, whole or not at all. Raises Unreachable, PutOff."""
        try:
            await asyncio.to_thread(self._write, letter)
        except OSError as trouble:
            if trouble.errno in OF_ONE_NAME:  # the other letters need not wait for this one
                raise PutOff(f"No file can have this name: {trouble.strerror}") from None
            raise Unreachable(f"{self._folder} can't be written to: {trouble.strerror}") from None

    def _write(self, letter: Letter) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / file_name(letter)
        unfinished = file.with_suffix(".part")
        with open(unfinished, "wb", opener=_private) as written:
            written.write(letter.content)
        unfinished.replace(file)

    async def rest(self) -> None:
        """Nothing is kept open."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def file_name(letter: Letter) -> str:
    """A letter's file: its number keeps it apart from all others, the recipient is for people to see.

    Cut by bytes, as file systems count.
    """
    recipient = re.sub(r"[^\w.@+-]", "_", letter.recipient)
    shown = recipient.encode("utf-8", "replace")[:LONGEST_NAME].decode("utf-8", "ignore")
    return f"{letter.id:07}-{shown}.eml"
