"""What one request may cost: its body's size and its time."""

import asyncio
from typing import Any

from starlette.requests import ClientDisconnect, Request

MAX_BODY_BYTES = 4 * 2**20
MAX_PUBLIC_BODY_BYTES = 100_000
"""Bytes of a body that comes with a public key."""

REQUEST_SECONDS = 20


class BodyTooLarge(Exception):
    """Raised when a request's body is larger than MAX_BODY_BYTES."""

    def __init__(self, most: int = MAX_BODY_BYTES) -> None:
        super().__init__(f"The body is larger than {_written(most)}.")


def _written(size: int) -> str:
    return f"{size // 2**20} MB" if size >= 2**20 else f"{size // 1000} kB"


class RequestTimeout(Exception):
    """Raised when a request was not answered within REQUEST_SECONDS."""

    def __init__(self) -> None:
        super().__init__(
            f"This took longer than {REQUEST_SECONDS} seconds and was stopped. Whether anything was done is not known:"
            " ask again, with the same order reference or idempotency key."
        )


class TimeLimit:
    """`async with TimeLimit():` stops what takes too long. Raises RequestTimeout."""

    async def __aenter__(self) -> None:
        self._limit = asyncio.timeout(REQUEST_SECONDS)
        await self._limit.__aenter__()

    async def __aexit__(self, *raised: Any) -> None:
        try:
            await self._limit.__aexit__(*raised)
        except TimeoutError:
            raise RequestTimeout from None


async def read_body(request: Request, most: int = MAX_BODY_BYTES) -> bytes:
    """The request's body, of so many bytes at most; reading stops where it gets too large. Raises BodyTooLarge."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > most:
        raise BodyTooLarge(most)
    read = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        read += message.get("body", b"")
        if len(read) > most:
            raise BodyTooLarge(most)
        if not message.get("more_body"):
            return bytes(read)
