"""A mailer over SMTP: one connection, kept open from letter to message."""

import ssl
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from urllib.parse import parse_qs, unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPException,
    SMTPNotSupported,
    SMTPRecipientsRefused,
    SMTPResponseException,
    SMTPServerDisconnected,
)

from schema.outgoing.letters.compose import Message
from schema.outgoing.letters.mailer import RecipientRefused, TemporaryFailure, Unreachable

REPLY_SECONDS = 10
"""Time limit of one reply of the server while it is connected to."""

LETTER_REPLY_SECONDS = 120
"""Time limit of one reply to a letter. A server that scans letters takes long, and may accept one all the same."""

MAX_LETTERS_PER_CONNECTION = 100
"""Many servers disconnect after about as many; the client disconnects first, between two letters."""

SERVICE_CLOSING = 421
"""The reply code of a server that is about to disconnect, whatever the command was."""

STARTTLS = {"auto": None, "require": True, "never": False}


@dataclass(frozen=True)
class MailServer:
    """The address of a mail server, and how to connect to it."""

    host: str
    port: int
    is_encrypted: bool  # from the first byte, as on port 465
    starttls: str  # one of STARTTLS
    user: str | None
    password: str | None


def read_url(url: str) -> MailServer:
    """The server of `smtp[s]://user:password@host:port[?starttls=auto|require|never]`. Raises ValueError."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"this is no address of a mail server: {error}") from None
    if parts.scheme not in ("smtp", "smtps") or not host or parts.path.strip("/") or parts.fragment:
        raise ValueError("write smtp://host:25, smtps://host:465 or smtp://user:password@host:587?starttls=require")
    options = parse_qs(parts.query, keep_blank_values=True)
    starttls = options.pop("starttls", ["auto"])[-1]
    if options:
        raise ValueError(f"there is no parameter {min(options)}, only starttls")
    if starttls not in STARTTLS:
        raise ValueError("starttls is auto, require or never")
    is_encrypted = parts.scheme == "smtps"
    if is_encrypted and "starttls" in parts.query:
        raise ValueError("smtps is encrypted from the first byte and has no starttls")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    return MailServer(host, port or (465 if is_encrypted else 25), is_encrypted, starttls, user, password)


class ConnectionLost(TemporaryFailure):
    """Raised when the server closed the connection, whatever the letter was."""


class SmtpConnection:
    """A mailer over one connection to a server, opened with the first message."""

    def __init__(self, server: MailServer) -> None:
        self._server = server
        self._client: SMTP | None = None
        self._sent_count = 0

    async def send(self, message: Message) -> None:
        """Hand a letter over, on a new connection if the old one was lost.

        Raises RecipientRefused, TemporaryFailure, Unreachable.
        """
        if self._sent_count >= MAX_LETTERS_PER_CONNECTION:
            await self.disconnect()
        was_open = self._client is not None
        try:
            await self._send(message)
        except ConnectionLost:
            if not was_open:
                raise
            await self._send(message)  # the server may have closed an idle connection

    async def _send(self, message: Message) -> None:
        client = await self._open()
        outside_ascii = not (message.sender + message.recipient).isascii()
        options = ["BODY=8BITMIME", "SMTPUTF8"] if outside_ascii else []
        try:
            await client.sendmail(
                message.sender,
                [message.recipient],
                message.content,
                mail_options=options,
                timeout=LETTER_REPLY_SECONDS,
            )
        except SMTPRecipientsRefused as error:
            raise self._delivery_error(error.recipients[0]) from None
        except SMTPResponseException as error:
            raise self._delivery_error(error) from None
        except SMTPNotSupported:
            raise RecipientRefused("The mail server takes no address with letters outside ASCII (SMTPUTF8).") from None
        except ValueError as error:
            raise RecipientRefused(str(error)) from None
        except SMTPServerDisconnected as error:
            self._drop()
            raise ConnectionLost(f"The mail server hung up: {error}") from None
        except (SMTPException, OSError, TimeoutError) as error:
            self._drop()
            raise TemporaryFailure(_reason(error)) from None
        except BaseException:
            self._drop()  # interrupted in the middle of a dialogue, of which no later reply makes sense
            raise
        self._sent_count += 1

    def _delivery_error(self, error: SMTPResponseException) -> RecipientRefused | TemporaryFailure:
        """The error for a server's negative reply to a letter."""
        reply = f"{error.code} {error.message}"
        if error.code == SERVICE_CLOSING:
            self._drop()
            return ConnectionLost(reply)
        return RecipientRefused(reply) if error.code >= 500 else TemporaryFailure(reply)

    async def _open(self) -> SMTP:
        if self._client is not None and self._client.is_connected:
            return self._client
        server = self._server
        client = SMTP(
            hostname=server.host,
            port=server.port,
            username=server.user,
            password=server.password,
            use_tls=server.is_encrypted,
            start_tls=STARTTLS[server.starttls],
            tls_context=_tls_context(server.is_encrypted or server.starttls == "require"),
            timeout=REPLY_SECONDS,
        )
        try:
            await client.connect()
        except (SMTPException, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(f"{server.host}:{server.port} can't be used: {_reason(error)}") from None
        self._client, self._sent_count = client, 0
        return client

    async def disconnect(self) -> None:
        """Quit the connection, if it is open."""
        client, self._client, self._sent_count = self._client, None, 0
        if client is not None:
            with suppress(SMTPException, OSError, TimeoutError):
                await client.quit()
            client.close()

    def _drop(self) -> None:
        client, self._client, self._sent_count = self._client, None, 0
        if client is not None:
            client.close()


@cache
def _tls_context(is_strict: bool) -> ssl.SSLContext:
    """A TLS context that verifies the certificate if strict; else encryption is opportunistic (RFC 7435).

    Without strictness verification gains nothing: an attacker could as well remove the offer of STARTTLS.
    """
    context = ssl.create_default_context()
    if not is_strict:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
