"""The sockets that a server listens on."""

import asyncio
import socket

from schema.server import sockets


async def test_answers_wait_for_no_acknowledgement() -> None:
    """Nagle's algorithm is off on a connection that asyncio accepts, as uvloop has it: TCP_NODELAY."""
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def accept(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        accepted.set_result(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with sockets.bound("127.0.0.1", 0) as [listening]:
        async with await asyncio.start_server(accept, sock=listening):
            _, writer = await asyncio.open_connection(*listening.getsockname())
            assert await accepted == 1
            writer.close()
