"""The front door: reads the settings, opens the database, hangs all doors. `python main.py --help`."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from fastapi import FastAPI
from pydantic_settings import BaseSettings, SettingsConfigDict
from tortoise import Tortoise

import db
from resolvers import sweep
from resolvers.tally import Refusals
from resolvers.throttle import Attempts
from schema import cli, doors
from schema.context import Services

HERE = Path(__file__).resolve().parent
log = logging.getLogger("tessera")


class Settings(BaseSettings):
    """Read from the environment, each with the prefix TESSERA_; the README lists them."""

    model_config = SettingsConfigDict(env_prefix="TESSERA_")

    database_url: str = f"sqlite://{HERE / 'tessera.db'}"
    public_url: str = ""
    failed_attempts_per_minute: int = 60


async def _every(seconds: float, work: "contextlib.AbstractAsyncContextManager[None]") -> None: ...
