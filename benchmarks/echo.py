"""The baseline of comparisons: a bare FastAPI application under the same uvicorn as the service.

Its echo takes one small pydantic body and returns a small dict. Its page runs the very query of the service's page,
and returns the rows through pydantic models.
"""

import argparse
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

import db
from resolvers import listing

URL = "ECHO_DATABASE_URL"


class EchoBody(BaseModel):
    text: str
    email: str


class ListedCode(BaseModel):
    id: int
    text: str
    allowed_claims: int | None
    claim_count: int
    remaining_claims: int | None
    is_enabled: bool
    created_at: datetime
    updated_at: datetime


class CodePage(BaseModel):
    codes: list[ListedCode]
    has_next_page: bool


async def echo(body: EchoBody) -> dict[str, str]:
    return {"text": body.text, "email": body.email}


async def page(first: int, organization: int) -> CodePage:
    now = datetime.now().astimezone()
    shown = await listing.codes(organization, listing.CodeFilter(), now).page(listing.PageRequest(None, first))
    codes = [
        ListedCode(
            id=row.id,
            text=row.text,
            allowed_claims=row.allowed_claims,
            claim_count=row.claim_count,
            remaining_claims=None if row.allowed_claims is None else max(0, row.allowed_claims - row.claim_count),
            is_enabled=row.is_enabled,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )
        for row in shown.rows
    ]
    return CodePage(codes=codes, has_next_page=shown.has_more)


async def healthz() -> dict[str, str]:
    return {"status": "ok"}


def app() -> FastAPI:
    """The application, as a factory for uvicorn."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with db.opened(os.environ[URL]):
            yield

    application = FastAPI(openapi_url=None, lifespan=lifespan)
    application.post("/echo")(echo)
    application.get("/page")(page)
    application.get("/healthz")(healthz)
    return application


if __name__ == "__main__":
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--port", type=int, required=True)
    words.add_argument("--workers", type=int, default=1)
    options = words.parse_args()
    uvicorn.run(  # as main.serve does
        "benchmarks.echo:app",
        factory=True,
        port=options.port,
        workers=options.workers,
        access_log=False,
        timeout_graceful_shutdown=10,
        timeout_worker_healthcheck=60,
        log_level="warning",
    )
