"""A real SMTP server in this process, which records letters and gives configured replies."""

import asyncio
import ssl
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class ReceivedLetter:
    """A letter as the server received it."""

    sender: str
    recipient: str
    content: bytes
    was_encrypted: bool

    @property
    def message(self) -> EmailMessage:
        message = message_from_bytes(self.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        return message

    @property
    def id(self) -> str:
        return str(self.message["Message-ID"])


class PostOffice:
    """A server's letters and its replies: `answers` to a recipient one after the other, then 250."""

    def __init__(self) -> None:
        self.letters: list[ReceivedLetter] = []
        self.answers: dict[str, list[str]] = defaultdict(list)
        self.connections = 0
        self.logins: list[tuple[str, str]] = []
        self.seconds_a_letter = 0.0
        self.hangs_up_after = 0
        self.port = 0

    async def handle_RCPT(  # noqa: N802 (aiosmtpd's names)
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if self.answers[address]:
            return self.answers[address].pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.sleep(self.seconds_a_letter)
        assert isinstance(envelope.content, bytes)
        for recipient in envelope.rcpt_tos:
            letter = ReceivedLetter(str(envelope.mail_from), recipient, envelope.content, session.ssl is not None)
            self.letters.append(letter)
        return "250 OK"

    def authenticate(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"open sesame", handled=False)

    @property
    def recipients(self) -> list[str]:
        return [letter.recipient for letter in self.letters]

    async def received(self, number: int, seconds: float = 20) -> None:
        """Wait until there are that many letters."""
        async with asyncio.timeout(seconds):
            while len(self.letters) < number:
                await asyncio.sleep(0.01)


class _CountingSMTP(SMTP):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.event_handler.connections += 1
        super().connection_made(transport)


@asynccontextmanager
async def opened(office: PostOffice | None = None, **more: Any) -> AsyncIterator[PostOffice]:
    """A server that listens while the block lasts, on a new port or again on the office's."""
    office = office or PostOffice()
    listener: ssl.SSLContext | None = more.pop("listener_context", None)
    loop = asyncio.get_running_loop()
    open_now: list[asyncio.BaseTransport] = []

    def protocol_factory() -> SMTP:
        protocol = _CountingSMTP(office, loop=loop, hostname="post.example", **more)
        connection_made = protocol.connection_made
        protocol.connection_made = lambda transport: (open_now.append(transport), connection_made(transport))[1]  # type: ignore[method-assign]
        return protocol

    server = await loop.create_server(protocol_factory, "127.0.0.1", office.port, ssl=listener)
    office.port = server.sockets[0].getsockname()[1]
    try:
        yield office
    finally:
        server.close()
        for transport in open_now:
            transport.abort()  # type: ignore[attr-defined]
        await asyncio.sleep(0)
