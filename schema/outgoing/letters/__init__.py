"""What a recipient sees, and how it gets to them: letters by e-mail."""

import logging
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from schema.outgoing.letters import compose, smtp
from schema.outgoing.letters.mailer import Mailer
from schema.outgoing.letters.outbox import Outbox

CONNECTIONS = 8
"""How many a process keeps to its mail server while there are letters; few servers allow less."""

log = logging.getLogger("tessera")


def mailers(smtp_url: str, folder: Path) -> Sequence[Mailer]:
    """The ways out of a process: connections to its mail server or, without one, a folder. Raises ValueError."""
    if not smtp_url:
        log.info("no TESSERA_SMTP_URL: letters are written below %s", folder)
        return [Outbox(folder)]
    server = smtp.read_url(smtp_url)
    if server.password and not server.is_encrypted and server.starttls != "require":
        log.warning("TESSERA_SMTP_URL: the password may go in the clear; smtps:// or starttls=require keeps it safe")
    return [smtp.Connection(server) for _ in range(CONNECTIONS)]


def from_whom(mail_from: str, public_url: str) -> compose.Sender:
    """Who letters are from; unless it is said, nobody in particular at the host of the public address."""
    host = urlsplit(public_url).hostname or ""
    return compose.read_sender(mail_from or f"no-reply@{host if _is_domain(host) else 'localhost'}")


def _is_domain(host: str) -> bool:
    return "." in host and not host.replace(".", "").isdigit() and ":" not in host
