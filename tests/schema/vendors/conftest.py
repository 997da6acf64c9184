"""Every answer of a vendor's door in these tests is as OpenAPI describes it."""

from functools import cache
from typing import Any

import httpx
import pytest_asyncio
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match

from schema import vendors
from tests import json_schema


@cache
def description() -> dict[str, Any]:
    """OpenAPI's description of all vendors."""
    app = FastAPI()
    for vendor in vendors.discover():
        app.include_router(vendor.router)
    return app.openapi()


def operation(request: httpx.Request) -> dict[str, Any] | None:
    """The description of the operation that a request calls; None where it calls none of them."""
    scope = {"type": "http", "method": request.method, "path": request.url.path, "raw_path": request.url.raw_path}
    for vendor in vendors.discover():
        router: APIRouter = vendor.router
        for route in router.routes:
            if isinstance(route, APIRoute) and route.matches(scope)[0] is Match.FULL:
                described: dict[str, Any] = description()["paths"].get(route.path_format, {})
                return described.get(request.method.lower()) if route.include_in_schema else None
    return None


async def check(response: httpx.Response) -> None:
    """Its status is told, and its body is as the schema of that status says."""
    described = operation(response.request)
    if described is None:
        return
    await response.aread()
    assert str(response.status_code) in described["responses"], (response.request, response.text)
    schema = described["responses"][str(response.status_code)]["content"]["application/json"]["schema"]
    assert list(json_schema.errors(response.json(), schema, description())) == []


@pytest_asyncio.fixture
async def served(served: httpx.AsyncClient) -> httpx.AsyncClient:
    """A client whose answers are compared with their description."""
    served.event_hooks = {"response": [check]}
    return served
