"""SMTP with a real server: what is encrypted, who is let in, which address is taken, and what a no amounts to."""

import ssl
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
import trustme

from schema.outgoing.letters import smtp
from schema.outgoing.letters.compose import Message
from schema.outgoing.letters.mailer import RecipientRefused, TemporaryFailure, Unreachable
from schema.outgoing.letters.smtp import MailServer, SmtpConnection
from tests import post_office
from tests.post_office import PostOffice


@pytest_asyncio.fixture
async def office() -> AsyncIterator[PostOffice]:
    async with post_office.opened() as opened:
        yield opened


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def certificate(authority: trustme.CA) -> ssl.SSLContext:
    """What a server at 127.0.0.1 shows, signed by nobody that anybody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def trusted(authority: trustme.CA, monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator has told this machine whom to believe, as `SSL_CERT_FILE` does."""
    smtp._tls_context.cache_clear()
    with authority.cert_pem.tempfile() as file:
        monkeypatch.setenv("SSL_CERT_FILE", file)
        smtp._tls_context(True)
    yield  # type: ignore[misc]
    smtp._tls_context.cache_clear()


def connection(office: PostOffice, query: str = "", scheme: str = "smtp", who: str = "") -> SmtpConnection:
    return SmtpConnection(smtp.read_url(f"{scheme}://{who}127.0.0.1:{office.port}{query}"))


def letter(number: int = 1, recipient: str = "ada@example.com") -> Message:
    content = f"Message-ID: <{number}@x>\r\nTo: {recipient}\r\n\r\n.Hello\r\n".encode()
    return Message(number, "codes@shop.example", recipient, content)


# ------------------------------------------------------------------ where to


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 25, False, "auto", None, None)),
        ("smtps://mail.example", MailServer("mail.example", 465, True, "auto", None, None)),
        ("smtp://[::1]:2525?starttls=never", MailServer("::1", 2525, False, "never", None, None)),
        (
            "smtp://ada%40shop:p%2Fw@mail.example:587?starttls=require",
            MailServer("mail.example", 587, False, "require", "ada@shop", "p/w"),
        ),
    ],
)
def test_an_address_of_a_server(url: str, server: MailServer) -> None:
    """A URL tells host, port, encryption and who we are there."""
    assert smtp.read_url(url) == server


@pytest.mark.parametrize(
    "url",
    [
        "mail.example", "http://mail.example", "smtp://", "smtp://mail.example:port", "smtp://mail.example:99999",
        "smtp://mail.example?starttls=perhaps", "smtp://mail.example?tls=1", "smtps://mail.example?starttls=require",
        "smtp://mail.example/inbox", "smtp://mail.example#x",
    ],
)  # fmt: skip
def test_invalid_addresses_are_refused(url: str) -> None:
    """Anything else is refused with a sentence, before a letter is lost to it."""
    with pytest.raises(ValueError, match=r"smtp|starttls|mail server"):
        smtp.read_url(url)


# ------------------------------------------------------------------ encryption and who may


async def test_starttls_is_taken_where_it_is_offered(certificate: ssl.SSLContext) -> None:
    """By default a letter is encrypted if the server can, whoever signed its certificate; and sent plainly else."""
    async with post_office.opened(tls_context=certificate) as office:
        await connection(office).send(letter())
        await connection(office, "?starttls=never").send(letter())
    async with post_office.opened() as plain:
        await connection(plain).send(letter())
    assert [letter.was_encrypted for letter in office.letters + plain.letters] == [True, False, False]


async def test_required_encryption_is_proved(certificate: ssl.SSLContext, trusted: None) -> None:
    """With `require` the server shows a certificate that is believed, and the letter is encrypted."""
    async with post_office.opened(tls_context=certificate) as office:
        await connection(office, "?starttls=require").send(letter())
    assert [letter.was_encrypted for letter in office.letters] == [True]


async def test_required_encryption_that_is_not_there(office: PostOffice, certificate: ssl.SSLContext) -> None:
    """Without STARTTLS, or with a certificate that nobody knows, nothing is said to the server."""
    with pytest.raises(Unreachable, match="STARTTLS"):
        await connection(office, "?starttls=require").send(letter())
    async with post_office.opened(tls_context=certificate) as stranger:
        with pytest.raises(Unreachable, match="certificate"):
            await connection(stranger, "?starttls=require").send(letter())
    assert office.letters + stranger.letters == []


async def test_encrypted_from_the_first_byte(certificate: ssl.SSLContext, trusted: None) -> None:
    """`smtps://` speaks to a server that waits for nothing else."""
    async with post_office.opened(listener_context=certificate) as office:
        await connection(office, scheme="smtps").send(letter())
    assert office.recipients == ["ada@example.com"]


async def test_a_name_and_a_password(certificate: ssl.SSLContext) -> None:
    """The server hears who we are; a wrong password keeps letters waiting, for it is no letter's fault."""
    office = PostOffice()
    locked = {"auth_required": True, "authenticator": office.authenticate, "tls_context": certificate}
    async with post_office.opened(office, **locked):
        await connection(office, who="shop:open%20sesame@").send(letter())
        assert office.logins == [("shop", "open sesame")]
        with pytest.raises(Unreachable, match="535"):
            await connection(office, who="shop:guess@").send(letter(2))
    assert len(office.letters) == 1


async def test_nobody_is_there() -> None:
    """A server that is away is told with its host and port."""
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 can't be used"):
        await SmtpConnection(MailServer("127.0.0.1", 1, False, "auto", None, None)).send(letter())


# ------------------------------------------------------------------ what a no amounts to


@pytest.mark.parametrize(
    ("answer", "no"),
    [("550 5.1.1 Nobody", RecipientRefused), ("452 Full", TemporaryFailure), ("552 Too large", RecipientRefused)],
)
async def test_a_no_is_the_letters_own(office: PostOffice, answer: str, no: type[Exception]) -> None:
    """5xx is for good and 4xx for now, in the server's words; the connection goes on to the next letter."""
    office.answers["ada@example.com"] = [answer]
    one = connection(office)
    with pytest.raises(no, match=answer):
        await one.send(letter())
    await one.send(letter(2))
    assert (len(office.letters), office.connections) == (1, 1)


async def test_a_server_that_has_had_enough(office: PostOffice) -> None:
    """421 to a connection that has carried letters is no reason to wait: the letter goes over the next one."""
    one = connection(office)
    await one.send(letter())
    office.answers["ada@example.com"] = ["421 Too many letters"]
    await one.send(letter(2))
    assert ([letter.id for letter in office.letters], office.connections) == (["<1@x>", "<2@x>"], 2)
    office.answers["ben@example.com"] = ["421 Closing", "421 Closing"]
    with pytest.raises(TemporaryFailure, match="421 Closing"):
        await one.send(letter(3, "ben@example.com"))


async def test_a_connection_that_was_cut(office: PostOffice) -> None:
    """A server that was started anew is connected to anew, without the letter waiting."""
    one = connection(office)
    await one.send(letter())
    async with post_office.opened() as moved:
        pass
    async with post_office.opened(moved):
        two = connection(moved)
        await two.send(letter())
    async with post_office.opened(moved):
        await two.send(letter(2))
        await two.disconnect()
    assert [letter.id for letter in moved.letters] == ["<1@x>", "<2@x>"]


async def test_a_connection_is_left_before_the_server_tires(
    office: PostOffice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many letters a new connection is made."""
    monkeypatch.setattr(smtp, "MAX_LETTERS_PER_CONNECTION", 2)
    one = connection(office)
    for number in range(5):
        await one.send(letter(number))
    await one.disconnect()
    await one.disconnect()
    await one.send(letter(9))
    assert (len(office.letters), office.connections) == (6, 4)


# ------------------------------------------------------------------ addresses of the world


async def test_addresses_outside_ascii() -> None:
    """They go to servers that take them, as they are."""
    async with post_office.opened(enable_SMTPUTF8=True) as office:
        await connection(office).send(letter(1, "ёлка@xn--e1afmkfd.example"))
    assert office.recipients == ["ёлка@xn--e1afmkfd.example"]


async def test_a_server_that_knows_ascii_only() -> None:
    """Where a server can't take an address, the letter fails with that reason; others go on."""
    async with post_office.opened(enable_SMTPUTF8=False) as office:
        one = connection(office)
        with pytest.raises(RecipientRefused, match="SMTPUTF8"):
            await one.send(letter(1, "ёлка@example.com"))
        await one.send(letter(2))
    assert office.recipients == ["ada@example.com"]
