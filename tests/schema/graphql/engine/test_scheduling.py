"""The scheduling of responses: how many large ones are made at the same time."""

import asyncio

import pytest

from schema.graphql.engine.scheduling import LARGE_RESPONSE_VALUES, ResponseScheduler


@pytest.mark.case("A5")
async def test_few_large_responses_are_made_at_once() -> None:
    """Their memory adds up: the third begins when one of two has ended."""
    order: list[str] = []

    async def respond(name: str, until: asyncio.Event) -> None:
        async with ResponseScheduler(LARGE_RESPONSE_VALUES + 1).admit():
            order.append(name)
            await until.wait()

    done = [asyncio.Event() for _ in "abc"]
    tasks = [asyncio.create_task(respond(name, event)) for name, event in zip("abc", done, strict=True)]
    await asyncio.sleep(0)
    assert order == ["a", "b"]
    async with ResponseScheduler(LARGE_RESPONSE_VALUES).admit():
        order.append("short")
    done[1].set()
    await tasks[1]
    await asyncio.sleep(0)
    assert order == ["a", "b", "short", "c"]
    for event in done:
        event.set()
    await asyncio.gather(*tasks)
