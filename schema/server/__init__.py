"""The HTTP server: uvicorn's options, and the limits around it."""

from typing import Any

OPTIONS: dict[str, Any] = {
    "access_log": False,
    "http": "schema.server.protocol:HttpProtocol",
    "ws": "none",  # no WebSockets
    "proxy_headers": False,  # uvicorn would trust every client on this host; see trusted_proxies
}
"""Options of uvicorn wherever the application is served."""
