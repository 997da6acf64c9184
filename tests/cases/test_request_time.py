"""A4: the time that a request has holds for its body too, at every door that reads one."""

import asyncio

import httpx
import pytest

from db.enums import KeyKind
from db.models import Organization
from schema import limits
from tests import make

PATHS = {
    "/graphql": KeyKind.SECRET,
    "/codes/claim": KeyKind.PUBLIC,
    "/leads/create": KeyKind.SECRET,
    "/v1/promo": KeyKind.ACCOUNT,
    "/webshop-promotions/webshopcode": KeyKind.DEVICE,
}


@pytest.mark.long
@pytest.mark.case("A4")
@pytest.mark.parametrize("path", PATHS)
async def test_a_body_that_does_not_come_is_not_waited_for(
    served: httpx.AsyncClient, organization: Organization, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends half of it is told 503 when the time is over, and the connection is closed soon after."""
    monkeypatch.setattr(limits, "REQUEST_SECONDS", 0.5)
    key, number = await make.key(organization, PATHS[path]), (await organization.account).number
    url = httpx.URL(str(served.base_url))
    reader, writer = await asyncio.open_connection(url.host, url.port)
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nX-Api-User-Id: {number}\r\n"
    writer.write(f'{head}Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{{"a'.encode())
    async with asyncio.timeout(15):
        assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 503")
    writer.transport.abort()
