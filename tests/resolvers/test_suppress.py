"""Suppressing: whoever wants no letters gets none, from this organization alone."""

from datetime import timedelta

from db.models import Delivery, Organization, Suppression
from resolvers import find, send, signed_links, suppress
from resolvers.domain import params
from resolvers.domain.refusals import InvalidInput
from resolvers.send import SendResult
from tests import make
from tests.make import NOW
from tests.resolvers.refused import everything, refused

ADA, BEN = params.Person("Ada@example.com"), params.Person("ben@example.com")


async def sent(organization: Organization, *people: params.Person, key: str | None = None, **more: bool) -> SendResult:
    args = {"resend": False, "dry_run": False, **more}
    return await send.code(organization, "HELLO-15", people, None, idempotency_key=key, now=NOW, **args)


def summary(answer: SendResult) -> tuple[list[str], int, int, int, int]:
    recipients = [letter.recipient for letter in answer.deliveries]
    return recipients, answer.received, answer.queued, answer.already_sent, answer.suppressed


async def test_a_suppressed_recipient_gets_no_letter(organization: Organization) -> None:
    """They are counted as such, however their address is written, sent to before or not, resend or not."""
    await make.code(organization)
    await sent(organization, ADA)
    assert await suppress.recipient(organization, " aDA@example.com ", NOW) == "aDA@example.com"
    assert summary(await sent(organization, ADA, BEN, dry_run=True)) == (["ben@example.com"], 2, 1, 0, 1)
    first = await sent(organization, ADA, BEN, key="K")
    assert summary(first) == (["ben@example.com"], 2, 1, 0, 1)
    assert summary(await sent(organization, ADA, BEN, key="K")) == summary(first)
    assert summary(await sent(organization, ADA, BEN)) == ([], 2, 0, 1, 1)
    assert summary(await sent(organization, ADA, resend=True)) == ([], 1, 0, 0, 1)
    assert await Delivery.all().count() == 2


async def test_suppressing_twice_changes_nothing(organization: Organization) -> None:
    """Saying it again changes nothing, and nobody else's letters."""
    await suppress.recipient(organization, "ada@example.com", NOW)
    before = await everything()
    await suppress.recipient(organization, "ADA@EXAMPLE.COM", NOW + timedelta(days=1))
    assert await everything() == before
    other = await make.organization("other", account=2)
    await make.code(other)
    assert summary(await sent(other, ADA)) == (["Ada@example.com"], 1, 1, 0, 0)


async def test_what_is_no_address_is_refused(organization: Organization) -> None:
    """Only an address can be suppressed."""
    async with refused(InvalidInput) as no:
        await suppress.recipient(organization, "ada", NOW)
    assert no.value.path == ("email",)
    assert await Suppression.all().count() == 0


async def test_the_address_in_a_letter_can_not_be_made_up(organization: Organization) -> None:
    """It leads to its recipient and organization; changed in any place, or for somebody else, to nobody."""
    written = signed_links.recipient_token(organization, "ёлка@example.com")
    assert await find.recipient_by_token(written) == (organization, "ёлка@example.com")
    for place in range(len(written)):
        changed = written[:place] + ("A" if written[place] != "A" else "B") + written[place + 1 :]
        assert await find.recipient_by_token(changed) is None
    other = await make.organization("other", account=2)
    assert signed_links.recipient_token(other, "ada@example.com") != signed_links.recipient_token(
        organization, "ada@example.com"
    )
    code = await make.code(organization)
    for nonsense in (
        "",
        "x",
        written[:-1],
        written + "A",
        "ё" * 40,
        "A" * 40,
        "A" * 3000,
        signed_links.code_token(organization, code.id),
    ):
        assert await find.recipient_by_token(nonsense) is None
