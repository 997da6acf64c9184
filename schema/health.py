"""Liveness and readiness endpoints, `/healthz` and `/readyz`, for load balancers and supervisors."""

import asyncio
from collections.abc import Callable
from time import monotonic

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from db import batching
from resolvers import probe

PROBE_SECONDS = 2
"""Time limit of a probe, which writes one row."""
MAX_BATCH_WAIT_SECONDS = 3
"""Seconds after which a batch of requests counts as hung: other requests wait behind it."""
PROBE_INTERVAL_SECONDS = 1
"""Seconds for which a probe's result is reused, so that frequent requests cause one write in that time."""
FAILED_BATCH_SECONDS = 10
"""Seconds for which a failed batch counts, unless another succeeds: without traffic none may come to prove it."""


class Readiness:
    """Whether this process can make claims, by a recent probe and the state of its batches."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._probed_at, self._error = float("-inf"), ""

    async def error(self) -> str:
        """The reason why no claim can be made; empty if one can."""
        waited = batching.longest_running()
        if waited > MAX_BATCH_WAIT_SECONDS:
            return f"Hung: a batch of requests has been waiting for {waited:.0f} s"
        if self._clock() - self._probed_at > PROBE_INTERVAL_SECONDS:
            self._error = await self._probe()
            self._probed_at = self._clock()
        if not self._error and batching.has_failed_within(FAILED_BATCH_SECONDS):
            return "Failed: the last batch of requests could not be done"  # more than a row may find no room
        return self._error

    async def _probe(self) -> str:
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await probe.store()
        except Exception as error:
            return type(error).__name__
        return ""


async def healthz(request: Request) -> Response:
    """200 as long as the process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """200 if a claim could be made: a row was written as a claim's are, and no batch hangs; else 503."""
    error = await request.app.state.services.readiness.error()
    if error:
        return JSONResponse({"status": "no database", "error": error}, 503)
    return JSONResponse({"status": "ok"})


routes: list[BaseRoute] = [Route("/healthz", healthz), Route("/readyz", readyz)]
