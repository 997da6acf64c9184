"""Canaries: the members of uvicorn's that schema/server/protocol.py leans on are there, and do what it thinks."""

import inspect

import httptools
import pytest
from uvicorn import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from schema.server import OPTIONS
from schema.server.protocol import HttpProtocol

OVERRIDDEN = {
    "connection_made", "connection_lost", "data_received", "on_message_begin", "on_header", "on_headers_complete",
    "on_body", "on_message_complete", "on_response_complete", "timeout_keep_alive_handler", "pause_writing",
    "resume_writing",
}  # fmt: skip


def test_what_is_overridden_is_there() -> None:
    """Each method that ours calls by `super()` is uvicorn's; the parser calls one that uvicorn has no use for."""
    ours = {name for name in vars(HttpProtocol) if not name.startswith("_")}
    assert ours == OVERRIDDEN | {"on_chunk_header"}
    assert vars(HttpToolsProtocol).keys() >= OVERRIDDEN


@pytest.mark.parametrize(
    ("kind", "members"),
    [
        (HttpToolsProtocol.__init__, ["app", "cycle", "headers", "pipeline", "scope", "timeout_keep_alive_task"]),
        (HttpToolsProtocol.on_message_begin, ["headers", "url"]),
        (RequestResponseCycle.__init__, ["disconnected", "keep_alive", "more_body", "response_complete", "response_started"]),
        (FlowControl.__init__, ["read_paused"]),
    ],
)  # fmt: skip
def test_members_are_there(kind: object, members: list[str]) -> None:
    """Members that are read, or set, are set by uvicorn."""
    source = inspect.getsource(kind)  # type: ignore[arg-type]
    assert [member for member in members if f"self.{member}" not in source] == []


def test_what_is_replaced_is_as_it_was() -> None:
    """Of uvicorn's own reading ours keeps the parser, its errors and the timer, and nothing else is in there."""
    called = set(inspect.getsource(HttpToolsProtocol.data_received).split())
    assert {word for word in called if "self." in word} == {
        "self._unset_keepalive_if_required()",
        "self.parser.feed_data(data)",
        "self.logger.warning(msg)",
        "self.send_400_response(msg)",
        "self._should_upgrade():",
        "self.handle_websocket_upgrade()",
        "self._unsupported_upgrade_warning()",
    }
    assert "on_response=self.on_response_complete" in inspect.getsource(HttpToolsProtocol.on_headers_complete)
    assert hasattr(HttpToolsProtocol, "_unset_keepalive_if_required")


async def never(scope: object, receive: object, send: object) -> None:
    """An application that is not asked."""


async def test_uvicorn_takes_the_options() -> None:
    """The protocol is found by its name, and no other one is spoken."""
    config = Config("schema.app:create_app", factory=True, **OPTIONS)
    assert not config.proxy_headers
    assert config.ws == "none"
    loaded = Config(never, **OPTIONS)
    loaded.load()
    assert loaded.http_protocol_class is HttpProtocol
    assert loaded.ws_protocol_class is None
    protocol = HttpProtocol(loaded, ServerState(), {})
    assert isinstance(protocol.parser, httptools.HttpRequestParser)
