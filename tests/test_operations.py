"""The proxies of docs/operations.md: the real nginx and the real Caddy, with what the page says, before the real server."""

import contextlib
import re
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests import packages
from tests.installation import ROOT, Installation, keys_in, wait_until_listening
from tests.postgres import free_port

pytestmark = [pytest.mark.xdist_group("proxies"), pytest.mark.processes]  # the same server for all

PAGE = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
ATTEMPTS = 5


@dataclass(frozen=True)
class ProxiedServer:
    """A server that trusts the proxies of this host, and its keys."""

    address: str
    keys: dict[str, str]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProxiedServer]:
    """The real server, with the setting that the page names."""
    installation = Installation(tmp_path_factory.mktemp("proxies"))
    [(name, value)] = re.findall(r"^export (TESSERA_TRUSTED_PROXIES)=(\S+)$", PAGE, re.M)
    installation.environment |= {name: value, "TESSERA_FAILED_ATTEMPTS_PER_MINUTE": str(ATTEMPTS)}
    with installation.serving() as (printed, address):
        yield ProxiedServer(address, keys_in(printed))


def snippet(kind: str) -> str:
    """The page's only block of that kind."""
    [text] = re.findall(rf"^```{kind}\n(.*?)^```$", PAGE, re.M | re.S)
    return str(text)


def replaced(text: str, *pairs: tuple[str, str]) -> str:
    """A text in which each of these stands, and is replaced."""
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new)
    return text


@contextmanager
def nginx(shop: ProxiedServer, folder: Path) -> Iterator[str]:
    """The page's nginx, which is a second patient where it is ten."""
    program, port = packages.program("nginx-light", "nginx"), free_port()
    server = replaced(
        snippet("nginx"),
        ("127.0.0.1:8000", shop.address.removeprefix("http://")),
        ("listen 80;", f"listen 127.0.0.1:{port};"),
        ("client_header_timeout 10s", "client_header_timeout 1s"),
    )
    built = subprocess.run([program, "-V"], capture_output=True, text=True, check=True).stderr
    kinds = [kind for kind in ("proxy", "fastcgi", "uwsgi", "scgi") if f"--without-http_{kind}_module" not in built]
    paths = "\n".join(f"{kind}_temp_path {folder}/{kind};" for kind in ["client_body", *kinds])
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; user root; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {paths}\n{server}\n}}\n"
    )
    with running([program, "-e", f"{folder}/error.log", "-c", str(config)], folder):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def caddy(shop: ProxiedServer, folder: Path) -> Iterator[str]:
    """The page's Caddy, which is a second patient where it is ten."""
    program, port = packages.program("caddy"), free_port()
    server = replaced(
        snippet("caddyfile"),
        ("127.0.0.1:8000", shop.address.removeprefix("http://")),
        ("codes.example {", f"http://127.0.0.1:{port} {{"),
        ("{\n    servers", "{\n    admin off\n    servers"),
        ("read_header 10s", "read_header 1s"),
    )
    config = folder / "Caddyfile"
    config.write_text(server)
    with running([program, "run", "--config", str(config), "--adapter", "caddyfile"], folder):
        yield f"http://127.0.0.1:{port}"


@contextmanager
def running(command: list[str], folder: Path) -> Iterator[None]:
    """A program that keeps its files in a folder, until the block ends."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


PROXIES: dict[str, Callable[[ProxiedServer, Path], contextlib.AbstractContextManager[str]]] = {
    "nginx": nginx,
    "caddy": caddy,
}


@pytest.fixture(scope="module", params=PROXIES)
def proxy(
    shop: ProxiedServer, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A proxy's address, once it answers."""
    with PROXIES[request.param](shop, tmp_path_factory.mktemp(request.param)) as address:
        wait_until_listening(address)
        yield address


def client(address: str, key: str, from_where: str = "127.0.0.1") -> httpx.Client:
    """A customer's or a shop's client, at one of this host's own addresses."""
    transport = httpx.HTTPTransport(local_address=from_where, verify=False)  # (nothing here is encrypted)
    return httpx.Client(base_url=address, headers={"Authorization": f"Bearer {key}"}, transport=transport, timeout=30)


@pytest.mark.case("A4")
def test_a_claim_goes_through(proxy: str, shop: ProxiedServer) -> None:
    """A code is made, found whatever its letters are, claimed with a public key, and downloaded."""
    with client(proxy, shop.keys["SECRET"]) as secret, client(proxy, shop.keys["PUBLIC"]) as public:
        made = secret.post("/codes/generate", json={"amount": 1}).json()["data"][0]["code"]
        claimed = public.post("/codes/claim", json={"code": made, "email": "ada@example.com"})
        assert (claimed.status_code, "token" in claimed.json()["data"]) == (200, True)
        slashed = f"A/B-{made}"
        new = {"input": {"name": "Slashed", "codes": [slashed]}}
        mutation = "mutation ($input: CreatePromotionInput!) { createPromotion(input: $input) { __typename } }"
        assert "PromotionChanged" in secret.post("/graphql", json={"query": mutation, "variables": new}).text
        assert secret.get(f"/codes/{slashed.replace('/', '%2F')}").json()["data"]["code"] == slashed
        assert slashed in secret.get("/export/codes.csv").text
        pieces = (b"x" * 50_000 for _ in range(100))  # the proxy finds out how many, before the server could
        assert secret.post("/codes/send", content=pieces).status_code == 413


@pytest.mark.case("A4")
def test_slow_heads_do_not_reach_the_server(proxy: str, shop: ProxiedServer) -> None:
    """The proxy closes them in its own time, which is shorter here, and answers others meanwhile."""
    host, port = proxy.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=8) as slow, client(proxy, shop.keys["SECRET"]) as other:
        slow.sendall(b"POST /codes/claim HTTP/1.1\r\nHost: x\r\n")
        assert other.get("/healthz").status_code == 200
        assert slow.recv(1_000).partition(b"\r\n")[0] in (
            b"",
            b"HTTP/1.1 408 Request Timeout",
            b"HTTP/1.1 400 Bad Request",
        )


@pytest.mark.case("A8")
@pytest.mark.case("A4")
def test_nobody_invents_an_address(proxy: str, shop: ProxiedServer, request: pytest.FixtureRequest) -> None:
    """Who guesses is known by the address that the proxy sees, whatever they say of it; others are not held up."""
    guesser, neighbour = {"nginx": ("127.0.0.11", "127.0.0.12"), "caddy": ("127.0.0.21", "127.0.0.22")}[
        request.node.callspec.params["proxy"]
    ]
    guess = {"code": "no-such-code", "email": "eve@example.com"}
    with client(proxy, shop.keys["PUBLIC"], guesser) as eve, client(proxy, shop.keys["PUBLIC"], neighbour) as ada:
        answers = [
            eve.post("/codes/claim", json=guess, headers={"X-Forwarded-For": f"198.51.100.{number}"}).status_code
            for number in range(ATTEMPTS + 2)
        ]
        assert answers == [404] * ATTEMPTS + [429] * 2
        assert ada.post("/codes/claim", json=guess).status_code == 404
