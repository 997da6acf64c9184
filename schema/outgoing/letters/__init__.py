"""Letters by e-mail: composing, the queue's sender, and SMTP or a folder as their transport."""

import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from schema.outgoing.letters import compose, smtp
from schema.outgoing.letters.mailer import Mailer
from schema.outgoing.letters.outbox import Outbox

MAX_CONNECTIONS = 8
"""Connections of a process to its mail server while there are letters; few servers allow less."""

log = logging.getLogger("tessera")


def mailers(smtp_url: str, folder: Path) -> Sequence[Mailer]:
    """The mailers of a process: connections to its mail server or, without one, a folder. Raises ValueError."""
    if not smtp_url:
        log.info("no TESSERA_SMTP_URL: letters are written below %s", folder)
        return [Outbox(folder)]
    server = smtp.read_url(smtp_url)
    if server.password and not server.is_encrypted and server.starttls != "require":
        log.warning("TESSERA_SMTP_URL: the password may go in the clear; smtps:// or starttls=require keeps it safe")
    return [smtp.SmtpConnection(server) for _ in range(MAX_CONNECTIONS)]


def from_address(mail_from: str, public_url: str) -> compose.FromAddress:
    """The From address of letters, by default `no-reply` at the host of the public address. Raises ValueError."""
    host = urlsplit(public_url).hostname or ""
    return compose.read_from_address(mail_from or f"no-reply@{host if _is_domain(host) else 'localhost'}")


def _is_domain(host: str) -> bool:
    return "." in host and not host.replace(".", "").isdigit() and ":" not in host
