"""Responses in JSON, a long one chunk by chunk."""

import asyncio
import json
from collections.abc import Iterator

from schema.graphql import document_limits

CHUNK_CHARACTERS = 50_000
"""Characters of a response that are encoded before others are served."""
MAX_CHUNKED_DEPTH = 3 * document_limits.MAX_DEPTH
"""Objects and lists within each other that a document selects; what is deeper is in a metadata field."""
JSON_ENCODER = json.JSONEncoder(separators=(",", ":"))


async def encode_in_chunks(payload: dict[str, object]) -> bytes:
    """A long response in JSON; between two chunks the event loop serves others."""
    body = bytearray()
    for chunk in _chunks(payload):
        body += chunk.encode()
        if len(chunk) > CHUNK_CHARACTERS:
            await asyncio.sleep(0)
    return bytes(body)


def _chunks(value: object) -> Iterator[str]:
    """A value in JSON, a row or more at a time."""
    buffer = ""
    for part in _json_parts(value):
        buffer += part
        if len(buffer) > CHUNK_CHARACTERS:
            yield buffer
            buffer = ""
    yield buffer


def _json_parts(value: object, depth: int = 0) -> Iterator[str]:
    if depth > MAX_CHUNKED_DEPTH:
        yield JSON_ENCODER.encode(value)
    elif isinstance(value, dict) and any(isinstance(member, dict | list) for member in value.values()):
        before = "{"
        for name, member in value.items():
            yield f"{before}{JSON_ENCODER.encode(name)}:"
            yield from _json_parts(member, depth + 1)
            before = ","
        yield "}"
    elif isinstance(value, list) and value:
        before = "["
        for member in value:
            yield before
            yield from _json_parts(member, depth + 1)
            before = ","
        yield "]"
    else:
        yield JSON_ENCODER.encode(value)
