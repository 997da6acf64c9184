"""What the host's own programs ask: is the process up, can it do its work?"""

import asyncio
from collections.abc import Callable
from time import monotonic

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from db import batching
from resolvers import probe

PATIENCE = 2
"""Seconds in which a database that works has written a row."""
HUNG = 3
"""Seconds after which a batch of requests counts as hung: others wait behind it."""
FRESH = 1
"""Seconds for which an answer is good: however often is asked, the database writes once in that time."""
LATELY = 10
"""Seconds for which a batch that failed counts, unless another is done: perhaps nobody is sent here meanwhile."""


class Readiness:
    """Whether a claim could be made, as it was found a moment ago."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._asked_at, self._fault = float("-inf"), ""

    async def fault(self) -> str:
        """What keeps claims from being made; nothing where they can be."""
        waited = batching.longest_running()
        if waited > HUNG:
            return f"Hung: a batch of requests has been waiting for {waited:.0f} s"
        if self._clock() - self._asked_at > FRESH:
            self._fault = await self._probed()
            self._asked_at = self._clock()
        if not self._fault and batching.has_failed_within(LATELY):
            return "Failed: the last batch of requests could not be done"  # more than a row may find no room
        return self._fault

    async def _probed(self) -> str:
        try:
            async with asyncio.timeout(PATIENCE):
                await probe.store()
        except Exception as fault:
            return type(fault).__name__
        return ""


async def healthz(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """A claim could be made: a row was written as a claim's are, and no batch hangs."""
    fault = await request.app.state.services.readiness.fault()
    if fault:
        return JSONResponse({"status": "no database", "error": fault}, 503)
    return JSONResponse({"status": "ok"})


routes: list[BaseRoute] = [Route("/healthz", healthz), Route("/readyz", readyz)]
