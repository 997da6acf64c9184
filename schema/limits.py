"""Limits of a request: the size of its body and its time."""

import asyncio
from types import TracebackType

from starlette.requests import ClientDisconnect, Request

MAX_BODY_BYTES = 4 * 2**20
MAX_PUBLIC_BODY_BYTES = 100_000
"""Of a request with a public key."""

REQUEST_SECONDS = 20


class BodyTooLarge(Exception):
    """Raised when a request's body is larger than its limit, by default MAX_BODY_BYTES."""

    def __init__(self, max_bytes: int = MAX_BODY_BYTES) -> None:
        super().__init__(f"The body is larger than {_format_size(max_bytes)}.")


def _format_size(size: int) -> str:
    return f"{size // 2**20} MB" if size >= 2**20 else f"{size // 1000} kB"


class RequestTimeout(Exception):
    """Raised when a request was not answered within REQUEST_SECONDS."""

    def __init__(self) -> None:
        super().__init__(
            f"This took longer than {REQUEST_SECONDS} seconds and was stopped. Whether anything was done is not known:"
            " ask again, with the same order reference or idempotency key."
        )


class TimeLimit:
    """An async context manager that cancels its block after REQUEST_SECONDS. Raises RequestTimeout."""

    async def __aenter__(self) -> None:
        self._limit = asyncio.timeout(REQUEST_SECONDS)
        await self._limit.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._limit.__aexit__(kind, error, trace)
        except TimeoutError:
            raise RequestTimeout from None


async def read_body(request: Request, max_bytes: int = MAX_BODY_BYTES) -> bytes:
    """The request's body; reading stops as soon as it exceeds the limit. Raises BodyTooLarge, ClientDisconnect."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > max_bytes:
        raise BodyTooLarge(max_bytes)
    body = bytearray()
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        body += message.get("body", b"")
        if len(body) > max_bytes:
            raise BodyTooLarge(max_bytes)
        if not message.get("more_body"):
            return bytes(body)
