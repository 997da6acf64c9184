"""What the host's own programs ask: is the process up, can it do its work?"""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from resolvers import find

PATIENCE = 5
"""Seconds in which a database that works has answered."""


async def healthz(request: Request) -> Response:
    """The process answers."""
    return JSONResponse({"status": "ok"})


async def readyz(request: Request) -> Response:
    """The database answers as well."""
    try:
        async with asyncio.timeout(PATIENCE):
            await find.any_organization()
    except Exception as fault:
        return JSONResponse({"status": "no database", "error": type(fault).__name__}, 503)
    return JSONResponse({"status": "ok"})


routes: list[BaseRoute] = [Route("/healthz", healthz), Route("/readyz", readyz)]
