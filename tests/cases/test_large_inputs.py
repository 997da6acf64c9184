"""What verbs make of large inputs: bounded, or looked at a piece at a time."""

import asyncio
import unicodedata

import pytest

from db.models import Delivery, Organization
from resolvers import send
from resolvers.domain import params, validate
from resolvers.domain.refusals import InvalidInput
from tests import make
from tests.graphql_client import GraphQLClient


@pytest.mark.case("A6")
async def test_many_recipients_let_others_be_served(organization: Organization) -> None:
    """Looking at thousands of addresses pauses after each few; each gets one letter, with its id."""
    await make.code(organization)
    passes = 0

    async def serve_others() -> None:
        nonlocal passes
        while True:
            await asyncio.sleep(0)
            passes += 1

    others = asyncio.create_task(serve_others())
    people = [params.Person(f"r{number}@example{number % 500}.com", "Ada") for number in range(1_000)]
    sent = await send.code(organization, "HELLO-15", people, None, False, False, None, make.NOW)
    others.cancel()
    assert passes >= len(people) // send.RECIPIENTS_PER_STEP
    stored = {row.id: row for row in await Delivery.all()}
    assert [stored[letter.id].recipient for letter in sent.deliveries] == [person.email for person in people]
    again = await send.code(organization, "HELLO-15", people[:10], None, False, False, None, make.NOW)
    assert (again.queued, again.already_sent) == (0, 10)


@pytest.mark.case("A6")
async def test_a_dry_run_tells_who_would_be_written_to(secret: GraphQLClient, organization: Organization) -> None:
    """Letters that are not queued are told like those that are."""
    await make.code(organization)
    selection = (
        "... on CodeSent { queued dryRun deliveries { id recipient status attempts lastError queuedAt sentAt } }"
    )
    send_input = {"text": "HELLO-15", "recipients": [{"email": "ada@example.com"}]}
    dry = await secret.mutate("sendCode", selection, {**send_input, "dryRun": True})
    wet = await secret.mutate("sendCode", selection, send_input)
    assert [dry.pop("dryRun"), wet.pop("dryRun")] == [True, False]
    assert dry["deliveries"][0].pop("id") != wet["deliveries"][0].pop("id")
    assert dry == wet


@pytest.mark.case("A6")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n" * 1_000_000 + "\ud83d", "half a character"),
        ("ä" * 1_000_000, "At most"),
        ("\u2003" * 1_000_000, "may not be empty"),
        (" " * 2_000 + "A", "spaces around it included"),
        ("A\nB", "line breaks"),
        ("\u200e", "more than spaces"),
    ],
)
def test_long_texts_are_not_looked_at_letter_by_letter(text: str, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is wrong with a new code's text is found out with few looks at single letters."""
    looked_at = 0
    category = unicodedata.category

    def counted(letter: str) -> str:
        nonlocal looked_at
        looked_at += 1
        return category(letter)

    monkeypatch.setattr(unicodedata, "category", counted)
    with pytest.raises(InvalidInput, match=says):
        validate.new_code_text(text, "text")
    assert looked_at <= validate.MAX_PADDED_CODE_LENGTH
