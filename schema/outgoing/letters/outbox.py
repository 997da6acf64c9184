"""A mailer that writes letters as `.eml` files, for use without a mail server; mail programs open them.

The files show which recipient got which code: folder and files are readable by their owner only.
"""

import asyncio
import errno
import os
import re
from contextlib import suppress
from pathlib import Path

from schema.outgoing.letters.compose import Message
from schema.outgoing.letters.mailer import TemporaryFailure, Unreachable

MAX_NAME_BYTES = 200
"""Bytes of a file's name; file systems allow 255, encrypted ones less."""

NAME_ERRORS = {errno.ENAMETOOLONG, errno.EILSEQ, errno.EINVAL}
"""Errors of a file system about one name, while it accepts others."""


class Outbox:
    """A mailer that writes each letter into a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with suppress(OSError):  # missing, or of another owner
            folder.chmod(0o700)

    async def send(self, message: Message) -> None:
        """Write a letter to a file of its own, atomically. Raises Unreachable, TemporaryFailure."""
        try:
            await asyncio.to_thread(self._write, message)
        except OSError as error:
            if error.errno in NAME_ERRORS:  # other letters can still be written
                raise TemporaryFailure(f"No file can have this name: {error.strerror}") from None
            raise Unreachable(f"{self._folder} can't be written to: {error.strerror}") from None

    def _write(self, message: Message) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self._folder / file_name(message)
        temporary = file.with_suffix(".part")
        with open(temporary, "wb", opener=_private) as opened:
            opened.write(message.content)
        temporary.replace(file)

    async def disconnect(self) -> None:
        """Nothing is open."""


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def file_name(message: Message) -> str:
    """The name of a letter's file: its id, which is unique, and its recipient.

    It is cut by bytes, as file systems count.
    """
    recipient = re.sub(r"[^\w.@+-]", "_", message.recipient)
    shown = recipient.encode("utf-8", "replace")[:MAX_NAME_BYTES].decode("utf-8", "ignore")
    return f"{message.id:07}-{shown}.eml"
