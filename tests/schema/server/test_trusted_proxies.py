"""`X-Forwarded-For`: believed from configured proxies, from the right, and from nobody else."""

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from schema import app as http_app
from schema.server.trusted_proxies import MAX_HOPS, TrustedProxies
from tests.conftest import serving

PROXIES = "127.0.0.1, 10.0.0.0/8,2001:db8::/32"


def client(proxies: str, host: str, *forwarded: str) -> str:
    """The client's address after what a request's headers say of it."""
    headers = [(b"x-forwarded-for", value.encode("latin-1")) for value in forwarded]
    scope = {"type": "http", "client": (host, 4711), "headers": [(b"host", b"x"), *headers]}
    TrustedProxies.parse(proxies).apply(scope)
    return str(scope["client"][0])


@pytest.mark.case("A8")
@pytest.mark.parametrize(
    ("host", "forwarded", "is_client"),
    [
        ("127.0.0.1", [], "127.0.0.1"),
        ("127.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9"], "203.0.113.9"),  # the left one is the customer's invention
        ("127.0.0.1", ["1.2.3.4", "203.0.113.9"], "203.0.113.9"),
        ("127.0.0.1", ["1.2.3.4, 203.0.113.9, 10.1.2.3"], "203.0.113.9"),
        ("127.0.0.1", ["10.1.2.4, 10.1.2.3"], "10.1.2.4"),
        ("127.0.0.1", ["203.0.113.9:5123"], "203.0.113.9"),
        ("127.0.0.1", ["2a00:1::5"], "2a00:1::5"),
        ("127.0.0.1", ["[2a00:1:0:0::5]:443"], "2a00:1::5"),
        ("127.0.0.1", ["[2a00:1::5]"], "2a00:1::5"),
        ("127.0.0.1", ["::ffff:203.0.113.9"], "203.0.113.9"),
        ("2001:db8::7", ["203.0.113.9, 2001:db8:1::1"], "203.0.113.9"),
        ("::ffff:10.0.0.1", ["203.0.113.9"], "203.0.113.9"),
        ("::ffff:203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("203.0.113.7", ["198.51.100.1"], "203.0.113.7"),
        ("2001:db9::7", ["198.51.100.1"], "2001:db9::7"),
        ("127.0.0.1", ["1.2.3.4, unknown"], "127.0.0.1"),
        ("127.0.0.1", ["1.2.3.4, unknown, 10.9.9.9"], "10.9.9.9"),
        ("127.0.0.1", [""], "127.0.0.1"),
        ("127.0.0.1", ["1.2.3.4,"], "127.0.0.1"),
        ("127.0.0.1", ["\xff\x00"], "127.0.0.1"),
        ("127.0.0.1", ["[::1"], "::1"),
        ("127.0.0.1", ["[::1]x"], "127.0.0.1"),
        ("127.0.0.1", ["fe80::1%eth0"], "fe80::1"),
        ("testclient", ["203.0.113.9"], "testclient"),
    ],
)
def test_whose_request_it_is(host: str, forwarded: list[str], is_client: str) -> None:
    """The client is the rightmost address that is no trusted proxy."""
    assert client(PROXIES, host, *forwarded) == is_client


@pytest.mark.case("A8")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "10.0.0.1"])
def test_nobody_is_believed_unless_named(host: str) -> None:
    """Without the setting no header changes who calls, not even from this host."""
    assert client("", host, "203.0.113.9") == host


def test_a_long_chain_is_not_walked() -> None:
    """Of a header full of trusted addresses a bounded number is looked at."""
    chain = ["10.0.0.1"] * 5_000
    assert client(PROXIES, "127.0.0.1", ", ".join(["203.0.113.9", *chain])) == "10.0.0.1"
    assert client(PROXIES, "127.0.0.1", ", ".join(["203.0.113.9", *chain[: MAX_HOPS - 1]])) == "203.0.113.9"


@pytest.mark.parametrize("setting", ["localhost", "10.0.0.1/8", "*", "10.0.0.0/8; ::1", "1.2.3"])
def test_a_setting_that_names_no_address_is_refused(setting: str) -> None:
    """What is neither an address nor a network is named."""
    with pytest.raises(ValueError, match="neither an address nor a network"):
        TrustedProxies.parse(setting)


@pytest.mark.case("A8")
@pytest.mark.parametrize(("proxies", "expected"), [("", "127.0.0.1"), ("127.0.0.0/8", "198.51.100.1")])
async def test_every_route_gets_the_client_address(proxies: str, expected: str) -> None:
    """A door's request has the client's address, also through a real server with uvicorn's own header handling off."""

    async def address(request: Request) -> Response:
        return Response(request.client.host if request.client else "")

    app = http_app.Application([Route("/address", address)], proxies=TrustedProxies.parse(proxies))
    async with serving(app) as where, httpx.AsyncClient(base_url=where, verify=False) as http:  # noqa: S501
        response = await http.get("/address", headers={"X-Forwarded-For": "203.0.113.1, 198.51.100.1"})
    assert response.text == expected
