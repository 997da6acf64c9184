"""The HTTP server: uvicorn's options, and the limits around it."""

from typing import Literal, TypedDict


class UvicornOptions(TypedDict):
    """Some of uvicorn's options."""

    access_log: bool
    http: str
    ws: Literal["none"]
    proxy_headers: bool


OPTIONS: UvicornOptions = {
    "access_log": False,
    "http": "schema.server.protocol:HttpProtocol",
    "ws": "none",  # no WebSockets
    "proxy_headers": False,  # uvicorn would trust every client on this host; see trusted_proxies
}
"""Options of uvicorn wherever the application is served."""
