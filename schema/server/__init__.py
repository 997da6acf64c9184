"""The HTTP server: how uvicorn is told to listen, and what it is kept from."""

from typing import Any

OPTIONS: dict[str, Any] = {
    "access_log": False,
    "http": "schema.server.protocol:HttpProtocol",
    "ws": "none",  # nothing here speaks WebSocket
    "proxy_headers": False,  # uvicorn would believe anybody on this host; see trusted_proxies
}
"""Options of uvicorn's that are the same wherever the application is served."""
