"""A4: strangers who hold connections open don't keep customers from the real server, nor from its database."""

import resource
import socket
from pathlib import Path

import httpx
import pytest

from tests.installation import Installation, keys_in

pytestmark = pytest.mark.processes

FILES = 128
"""Files that the server may open; the connections that fit below are 64."""


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


@pytest.mark.case("A4")
def test_half_heads_do_not_keep_customers_out(tmp_path: Path) -> None:
    """Of 600 connections with half a head, ten times what fits, none keeps a claim or /readyz from its answer."""
    installation = Installation(tmp_path)
    with installation.serving(preexec_fn=few_files) as (printed, address):
        host, port = address.removeprefix("http://").split(":")
        headers = {"Authorization": f"Bearer {keys_in(printed)['SECRET']}"}
        strangers = []
        for number in range(600):
            stranger = socket.create_connection((host, int(port)))
            stranger.sendall(b"POST /graphql HTTP/1.1\r\nHost: x\r\n")
            strangers.append(stranger)
            if number % 60 == 0:
                with httpx.Client(base_url=address, headers=headers, verify=False) as client:  # noqa: S501
                    made = client.post("/codes/generate", json={"amount": 1}).json()["data"][0]["code"]
                    claimed = client.post("/codes/claim", json={"code": made, "email": "ada@example.com"})
                    assert claimed.status_code == 200, claimed.text
                    assert client.get("/readyz").status_code == 200
        for stranger in strangers:
            stranger.close()
