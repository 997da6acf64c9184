"""What is sent can be used, and a life ends with a day."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from db.models import Code, Delivery, Organization
from resolvers import activate, generate
from resolvers.domain import params
from resolvers.domain.code_format import Format
from tests import make
from tests.graphql_client import GraphQLClient

ENDED = {"window": params.Window(ends_at=make.NOW)}
LATER = {"window": params.Window(starts_at=make.NOW + timedelta(days=1))}


async def code_that_is(organization: Organization, state: str) -> None:
    """HELLO-15 in a state."""
    fields: dict[str, Any] = {"ended": ENDED, "later": LATER, "promotion off": {"is_enabled": False}}.get(state, {})
    if state == "spent":
        fields = {"limits": params.Limits(per_promotion=1, per_code=None)}
    await make.promotion(organization, "HELLO-15", **fields)
    if state in ("exhausted", "spent"):
        await make.claimed(organization)
    if state == "off":
        await Code.filter(text="HELLO-15").update(is_enabled=False)


@pytest.mark.case("W20")
@pytest.mark.parametrize(
    ("state", "refusal", "status"),
    [
        ("exhausted", "FullyClaimed", 200),
        ("spent", "PromotionSpent", 200),
        ("ended", "Ended", 403),
        ("off", "Disabled", 403),
        ("promotion off", "Disabled", 403),
        ("later", "CodeSent", 200),
        ("ready", "CodeSent", 200),
    ],
)
async def test_what_nobody_can_claim_is_not_sent(
    secret: GraphQLClient, organization: Organization, state: str, refusal: str, status: int
) -> None:
    """By GraphQL, dry or not, and by Lancero's door, whose samples send what is used up; said with a word it is sent."""
    await code_that_is(organization, state)
    send_input = {"text": "hello 15", "recipients": [{"email": "ben@example.com"}]}
    for dry_run in (True, False):
        assert (await secret.mutate("sendCode", "", {**send_input, "dryRun": dry_run}))["__typename"] == refusal
    body = {"code": "HELLO-15", "emails": ["cleo@example.com"]}
    response = await secret.client.post("/codes/send", json=body, headers=secret.headers)
    assert response.status_code == status, response.text
    assert await Delivery.all().count() == (status == 200) + (refusal == "CodeSent")
    forced = await secret.mutate("sendCode", "... on CodeSent { received }", {**send_input, "evenIfNotClaimable": True})
    assert forced == {"__typename": "CodeSent", "received": 1}
    assert await Delivery.filter(recipient="ben@example.com").count() == 1


@pytest.mark.case("W20")
async def test_a_replay_is_answered_after_the_end(secret: GraphQLClient, organization: Organization) -> None:
    """What was queued is told again by its key, whatever has become of the code."""
    await make.promotion(organization, "HELLO-15")
    send_input = {"text": "HELLO-15", "recipients": [{"email": "ben@example.com"}], "idempotencyKey": "K"}
    first = await secret.mutate("sendCode", "... on CodeSent { queued deliveries { id } }", send_input)
    await make.claimed(organization)
    assert await secret.mutate("sendCode", "... on CodeSent { queued deliveries { id } }", send_input) == first


@pytest.mark.case("W21")
@pytest.mark.parametrize(
    ("zone", "at", "days", "end"),
    [
        ("Europe/Amsterdam", datetime(2026, 11, 22, 13, 1, tzinfo=UTC), 150, datetime(2027, 4, 21, 22, tzinfo=UTC)),
        ("Europe/Amsterdam", datetime(2026, 6, 1, 12, 1, tzinfo=UTC), 150, datetime(2026, 10, 29, 23, tzinfo=UTC)),
        ("Europe/Amsterdam", datetime(2026, 11, 22, 23, 30, tzinfo=UTC), 1, datetime(2026, 11, 24, 23, tzinfo=UTC)),
        ("UTC", datetime(2026, 11, 22, 23, 30, tzinfo=UTC), 1, datetime(2026, 11, 24, tzinfo=UTC)),
        (
            "America/Santiago",
            datetime(2026, 9, 4, 12, tzinfo=UTC),
            1,
            datetime(2026, 9, 6, 4, tzinfo=UTC),
        ),  # midnight is skipped
        ("Pacific/Kiritimati", datetime(2026, 11, 22, 11, tzinfo=UTC), 36_500, datetime(2126, 10, 30, 10, tzinfo=UTC)),
    ],
)
async def test_a_life_ends_with_a_local_day(store: str, zone: str, at: datetime, days: int, end: datetime) -> None:
    """Over a change of clocks as ever: through the last instant of the day that is so many days later there."""
    organization = await make.organization(time_zone=zone)
    await make.promotion(organization, reference="short", limits=params.Limits(code_lifetime_days=days))
    ref = params.PromotionRef(reference="short")
    options = generate.CodeOptions(activated=False)
    [made] = (await generate.codes(organization, ref, 1, Format(), options, False, None, at)).codes
    person = params.Person("ada@example.com")
    activated = await activate.code(organization, made.text, None, person, None, None, False, at)
    assert activated.ends_at == end
