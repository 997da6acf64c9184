"""What one request may cost: its body's size and its time."""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

LARGEST_BODY = 4 * 2**20
LARGEST_PUBLIC_BODY = 100_000
"""Bytes of a body that comes with a public key."""

SECONDS = 20


class TooLarge(Exception):
    """Raised when a request's body is larger than LARGEST_BODY."""

    def __init__(self, most: int = LARGEST_BODY) -> None:
        super().__init__(f"The body is larger than {_written(most)}.")


def _written(size: int) -> str:
    return f"{size // 2**20} MB" if size >= 2**20 else f"{size // 1000} kB"


class TookTooLong(Exception):
    """Raised when a request was not answered within SECONDS."""

    def __init__(self) -> None:
        super().__init__(
            f"This took longer than {SECONDS} seconds and was stopped. Whether anything was done is not known:"
            " ask again, with the same order reference or idempotency key."
        )


class InTime:
    """`async with InTime():` stops what takes too long. Raises TookTooLong."""

    async def __aenter__(self) -> None:
        self._limit = asyncio.timeout(SECONDS)
        await self._limit.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await self._limit.__aexit__(*raised)
        except TimeoutError:
            raise TookTooLong from None


async def body(request: Request, most: int = LARGEST_BODY) -> bytes:
    """The request's body, of so many bytes at most; reading stops where it gets too large. Raises TooLarge."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most:
        raise TooLarge(most)
    read = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        read += message.get("body", b"")
        if len(read) > most:
            raise TooLarge(most)
        if not message.get("more_body"):
            return bytes(read)
