"""What one request may cost: its body's size and its time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.requests import Request

LARGEST_BODY = 4 * 2**20
SECONDS = 20


class TooLarge(Exception):
    """Raised when a request's body is larger than LARGEST_BODY."""

    def __init__(self) -> None:
        super().__init__("The body is larger than 4 MB.")


class TookTooLong(Exception):
    """Raised when a request was not answered within SECONDS."""

    def __init__(self) -> None:
        super().__init__(f"This took longer than {SECONDS} seconds and was stopped.")


@asynccontextmanager
async def in_time() -> AsyncIterator[None]:
    """Stop what takes too long. Raises TookTooLong."""
    try:
        async with asyncio.timeout(SECONDS):
            yield
    except TimeoutError:
        raise TookTooLong from None


async def body(request: Request) -> bytes:
    """The request's body; reading stops where it gets too large. Raises TooLarge."""
    told = request.headers.get("content-length", "")
    if told.isdigit() and int(told) > LARGEST_BODY:
        raise TooLarge
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > LARGEST_BODY:
            raise TooLarge
    return bytes(read)
