"""Letters over SMTP: one connection, kept open from letter to letter."""

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

from schema.outgoing.letters.compose import Letter
from schema.outgoing.letters.mailer import PutOff, Refused, Unreachable

SECONDS = 10
"""How long one answer of the server may take."""

LETTERS_A_CONNECTION = 100
"""Many servers hang up after about that many; we go first, between two letters."""

CLOSING = 421
"""What a server answers that is about to hang up, whatever it was asked."""

STARTTLS = {"auto": None, "require": True, "never": False}


@dataclass(frozen=True)
class Server:
    """Where letters are handed over, and how."""

    host: str
    port: int
    is_encrypted: bool  # from the first byte, as on port 465
    starttls: str  # one of STARTTLS
    user: str | None
    password: str | None


def read_url(url: str) -> Server:
    """The server of `smtp[s]://user:password@host:port[?starttls=auto|require|never]`. Raises ValueError."""
    try:
        told = urlsplit(url)
        host, port = told.hostname, told.port
    except ValueError as wrong:
        raise ValueError(f"this is no address of a mail server: {wrong}") from None
    if told.scheme not in ("smtp", "smtps") or not host or told.path.strip("/") or told.fragment:
        raise ValueError("write smtp://host:25, smtps://host:465 or smtp://user:password@host:587?starttls=require")
    asked = parse_qs(told.query, keep_blank_values=True)
    starttls = asked.pop("starttls", ["auto"])[-1]
    if asked:
        raise ValueError(f"there is no parameter {min(asked)}, only starttls")
    if starttls not in STARTTLS:
        raise ValueError("starttls is auto, require or never")
    is_encrypted = told.scheme == "smtps"
    if is_encrypted and "starttls" in told.query:
        raise ValueError("smtps is encrypted from the first byte and has no starttls")
    user, password = (unquote(part) if part else None for part in (told.username, told.password))
    return Server(host, port or (465 if is_encrypted else 25), is_encrypted, starttls, user, password)


class HungUp(PutOff):
    """Raised when the server ended the connection, which tells nothing about the letter."""


class Connection:
    """A mailer that hands letters to a server; it connects when there is the first letter."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._client: SMTP | None = None
        self._carried = 0

    async def send(self, letter: Letter) -> None:
        """Hand a letter over. Raises Refused, PutOff, Unreachable."""
        if self._carried >= LETTERS_A_CONNECTION:
            await self.rest()
        was_open = self._client is not None
        try:
            await self._send(letter)
        except HungUp:
            if not was_open:
                raise
            await self._send(letter)  # the server may just have had enough of that connection

    async def _send(self, letter: Letter) -> None:
        client = await self._open()
        outside_ascii = not (letter.sender + letter.recipient).isascii()
        options = ["BODY=8BITMIME", "SMTPUTF8"] if outside_ascii else []
        try:
            await client.sendmail(letter.sender, [letter.recipient], letter.content, mail_options=options)
        except SMTPRecipientsRefused as no:
            raise self._answer(no.recipients[0]) from None
        except SMTPResponseException as no:
            raise self._answer(no) from None
        except SMTPNotSupported:
            raise Refused("The mail server takes no address with letters outside ASCII (SMTPUTF8).") from None
        except ValueError as no:
            raise Refused(str(no)) from None
        except SMTPServerDisconnected as trouble:
            self._drop()
            raise HungUp(f"The mail server hung up: {trouble}") from None
        except (SMTPException, OSError, TimeoutError) as trouble:
            self._drop()
            raise PutOff(_said(trouble)) from None
        except BaseException:
            self._drop()  # cut off in the middle: nobody knows what the server will say next
            raise
        self._carried += 1

    def _answer(self, no: SMTPResponseException) -> Refused | PutOff:
        """What the server's answer to a letter amounts to."""
        said = f"{no.code} {no.message}"
        if no.code == CLOSING:
            self._drop()
            return HungUp(said)
        return Refused(said) if no.code >= 500 else PutOff(said)

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
            tls_context=_trust(server.is_encrypted or server.starttls == "require"),
            timeout=SECONDS,
        )
        try:
            await client.connect()
        except (SMTPException, OSError, TimeoutError, ValueError) as trouble:
            raise Unreachable(f"{server.host}:{server.port} can't be used: {_said(trouble)}") from None
        self._client, self._carried = client, 0
        return client

    async def rest(self) -> None:
        """Say goodbye to the server."""
        client, self._client, self._carried = self._client, None, 0
        if client is not None:
            with suppress(SMTPException, OSError, TimeoutError):
                await client.quit()
            client.close()

    def _drop(self) -> None:
        client, self._client, self._carried = self._client, None, 0
        if client is not None:
            client.close()


@cache
def _trust(is_strict: bool) -> ssl.SSLContext:
    """Strictly, the server has to prove its name; else encryption is taken as it is offered (RFC 7435).

    Whoever could forge the certificate there could as well take the offer of STARTTLS out.
    """
    context = ssl.create_default_context()
    if not is_strict:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _said(trouble: BaseException) -> str:
    return str(trouble) or type(trouble).__name__
