"""Updates have one rule at every door: absent leaves, null clears what can be empty, and is refused elsewhere."""

from typing import Any

import pytest

from db.enums import KeyKind
from db.models import Code, Organization, Promotion
from tests import make
from tests.graphql_client import GraphQLClient

Json = dict[str, Any]
FULL: Json = {
    "name": "Spring",
    "reference": "spring",
    "isEnabled": False,
    "position": 3,
    "discount": {
        "kind": "PERCENTAGE",
        "value": "12.5",
        "minimumOrder": {"amount": "10", "currency": "USD"},
        "maximumDiscount": {"amount": "5", "currency": "USD"},
    },
    "window": {"startsAt": "2026-11-01T00:00:00Z", "endsAt": "2026-12-01T00:00:00Z"},
    "limits": {"perPromotion": 9, "perCode": 8, "perCustomer": 7, "perCustomerAndCode": 6, "codeLifetimeDays": 5},
    "letter": {"subject": "Hello", "body": "Your {{ code }}"},
    "metadata": {"a": 1},
    "codes": ["HELLO-15"],
}
NO_LIMITS = dict.fromkeys(FULL["limits"])
DEFAULT_LIMITS = {
    "per_promotion": None,
    "per_code": 1,
    "per_customer": None,
    "per_customer_and_code": 1,
    "code_lifetime_days": 91,
}
NO_DISCOUNT = {
    "discount_kind": "NONE",
    "discount_value": 0,
    "currency": None,
    "minimum_order": None,
    "maximum_discount": None,
}


async def columns(model: type[Promotion] | type[Code], row_id: int) -> Json:
    row = await model.get(id=row_id)
    return {name: getattr(row, name) for name in model._meta.db_fields if name not in ("version", "updated_at")}


async def change(
    secret: GraphQLClient, mutation: str, changes: Json, row: Promotion | Code
) -> tuple[str, Json, list[str]]:
    """What an update is answered, which columns it changes, and the path of a refusal."""
    before = await columns(type(row), row.id)
    answer = await secret.mutate(mutation, "... on InvalidInput { path }", changes)
    after = await columns(type(row), row.id)
    changed = {name: value for name, value in after.items() if value != before[name]}
    return answer["__typename"], changed, answer.get("path", [])[1:]


async def promotion(secret: GraphQLClient, **fields: Any) -> Promotion:
    """A switched-off promotion that says something in every field."""
    made = await secret.mutate("createPromotion", "", FULL | fields)
    assert made["__typename"] == "PromotionChanged", made
    return await Promotion.get(reference="spring")


@pytest.mark.case("W2")
@pytest.mark.case("W3")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"window": None}, {"starts_at": None, "ends_at": None}),
        ({"limits": None}, DEFAULT_LIMITS),
        ({"limits": NO_LIMITS}, dict.fromkeys(DEFAULT_LIMITS)),
        ({"discount": None}, NO_DISCOUNT),
        ({"discount": {}}, {}),
        ({"letter": None}, {"letter_subject": None, "letter_body": None}),
        ({"letter": {"body": None}}, {"letter_body": None}),
        ({"metadata": None}, {"metadata": {}}),
        ({"locationNumbers": None}, {}),
        ({"discount": {"minimumOrder": None}}, {"minimum_order": None}),
        ({"discount": {"minimumOrder": None, "maximumDiscount": None}},
         {"minimum_order": None, "maximum_discount": None, "currency": None}),
        ({"discount": {"kind": "NONE"}}, {"discount_kind": "NONE", "discount_value": 0}),
        ({"discount": {"kind": "FREE_SHIPPING", "value": None}}, {"discount_kind": "FREE_SHIPPING", "discount_value": 0}),
        ({"discount": {"kind": "PERCENTAGE"}}, {}),
        ({"discount": {"kind": "FIXED_AMOUNT", "value": "5"}}, {"discount_kind": "FIXED_AMOUNT", "discount_value": 500}),
        ({"isEnabled": None}, ["isEnabled"]),
        ({"position": None}, ["position"]),
        ({"name": None}, ["name"]),
        ({"reference": None}, ["reference"]),
        ({"discount": {"kind": None}}, ["discount", "kind"]),
        ({"discount": {"value": None}}, ["discount", "value"]),
        ({"discount": {"kind": "FIXED_AMOUNT"}}, ["discount", "value"]),
        ({"discount": {"currency": None}}, ["discount", "currency"]),
        ({"discount": {"kind": "NONE", "value": "0"}}, ["discount", "value"]),
    ],
)  # fmt: skip
async def test_a_promotion_is_updated_by_the_one_rule(
    secret: GraphQLClient, changes: Json, expected: Json | list[str]
) -> None:
    """Columns that change, or the path of what is refused, when nothing does."""
    made = await promotion(secret)
    changed = await change(secret, "updatePromotion", {"promotion": {"reference": "spring"}, **changes}, made)
    if isinstance(expected, list):
        assert changed == ("InvalidInput", {}, expected)
    else:
        assert changed == ("PromotionChanged", expected, [])


@pytest.mark.case("W2")
@pytest.mark.case("W3")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"window": None}, {"starts_at": None, "ends_at": None}),
        ({"allowedClaims": None}, {"allowed_claims": None}),
        ({"reservedFor": None}, {"reserved_for_id": None}),
        ({"metadata": None}, {"metadata": {}}),
        ({"isEnabled": None}, ["isEnabled"]),
        ({"newText": None}, ["newText"]),
    ],
)
async def test_a_code_is_updated_by_the_one_rule(
    secret: GraphQLClient, changes: Json, expected: Json | list[str]
) -> None:
    """The same of codes."""
    await promotion(secret)
    full = {
        "isEnabled": False,
        "window": FULL["window"],
        "allowedClaims": 5,
        "metadata": {"a": 1},
        "reservedFor": {"email": "ada@example.com"},
    }
    await secret.mutate("updateCode", "", {"text": "HELLO-15", **full})
    changed = await change(secret, "updateCode", {"text": "HELLO-15", **changes}, await Code.get(text="HELLO-15"))
    if isinstance(expected, list):
        assert changed == ("InvalidInput", {}, expected)
    else:
        assert changed == ("CodeChanged", expected, [])


@pytest.mark.case("W3")
async def test_a_currency_goes_with_the_last_amount(secret: GraphQLClient) -> None:
    """A fixed amount brought it; one that was said by itself stays."""
    made = await promotion(secret, discount={"kind": "FIXED_AMOUNT", "value": "5", "currency": "USD"})
    spring = {"promotion": {"reference": "spring"}}
    _, changed, _ = await change(
        secret, "updatePromotion", {**spring, "discount": {"kind": "PERCENTAGE", "value": "5"}}, made
    )
    assert changed == {"discount_kind": "PERCENTAGE", "discount_value": 50_000, "currency": None}
    await change(secret, "updatePromotion", {**spring, "discount": {"currency": "USD"}}, made)
    _, changed, _ = await change(secret, "updatePromotion", {**spring, "discount": {"value": "6"}}, made)
    assert changed == {"discount_value": 60_000}


@pytest.mark.case("W3")
async def test_an_amount_is_not_read_in_another_currency(secret: GraphQLClient) -> None:
    """5 USD don't become 5 EUR because the currency alone is changed or cleared."""
    made = await promotion(secret, discount={"kind": "FIXED_AMOUNT", "value": "5", "currency": "USD"})
    for currency in (None, "EUR", "JPY"):
        changes = {"promotion": {"reference": "spring"}, "discount": {"currency": currency}}
        assert await change(secret, "updatePromotion", changes, made) == ("InvalidInput", {}, ["discount", "currency"])
    changes = {"promotion": {"reference": "spring"}, "discount": {"currency": None, "value": "4"}}
    _, changed, _ = await change(secret, "updatePromotion", changes, made)
    assert changed == {"discount_value": 400, "currency": "EUR"}


@pytest.mark.case("W8")
@pytest.mark.parametrize(
    ("discount", "path"),
    [
        ({"value": "15"}, ["discount", "kind"]),
        ({"kind": "PERCENTAGE"}, ["discount", "value"]),
        ({"kind": "FIXED_AMOUNT"}, ["discount", "value"]),
        ({"kind": "PERCENTAGE", "value": None}, ["discount", "value"]),
        ({"kind": None, "value": "15"}, ["discount", "kind"]),
        ({"kind": "FREE_SHIPPING", "value": "15"}, ["discount", "value"]),
        ({"kind": "NONE", "value": "0"}, ["discount", "value"]),
    ],
)
async def test_kind_and_value_go_together(
    secret: GraphQLClient, organization: Organization, discount: Json, path: list[str]
) -> None:
    """A promotion that would take nothing off by an oversight is not made, nor does one become so."""
    fields = {"name": "Oversight", "discount": discount}
    answer = await secret.mutate("createPromotion", "... on InvalidInput { path }", fields)
    assert (answer["__typename"], answer.get("path")) == ("InvalidInput", ["input", *path])
    none = await make.promotion(organization, "NOTHING", reference="none", discount=None)
    fields = {"promotion": {"reference": "none"}, "discount": discount}
    assert await change(secret, "updatePromotion", fields, none) == ("InvalidInput", {}, path)


@pytest.mark.case("W2")
@pytest.mark.case("W3")
@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"d_on": None}, {"starts_at": None}),
        ({"d_on": None, "d_off": None}, {"starts_at": None, "ends_at": None}),
        *(
            ({field: None}, None)
            for field in ("code", "is_enabled", "bonus_amount", "bonus_amount_is_in_percentages", "quantity_limit",
                          "time_limit_is_enabled", "quantity_limit_is_enabled", "personal_limit_is_enabled", "bonus_type")
        ),
    ],
    ids=str,
)  # fmt: skip
async def test_a_promo_is_updated_by_the_one_rule(
    secret: GraphQLClient, organization: Organization, changes: Json, expected: Json | None
) -> None:
    """At LP Motor's door as well: a date is cleared by null, and nothing else is null (400)."""
    account = await make.key(organization, KeyKind.ACCOUNT)
    headers = {"Authorization": f"Bearer {account}", "X-Api-User-Id": "1"}
    body = {
        "user_id": 1, "site_id": organization.number, "code": "HELLO-15", "bonus_amount": 5, "is_enabled": False,
        "bonus_amount_is_in_percentages": True, "time_limit_is_enabled": True, "d_on": "2026-11-01T00:00:00Z",
        "d_off": "2026-12-01T00:00:00Z", "quantity_limit_is_enabled": True, "quantity_limit": 5,
        "personal_limit_is_enabled": True,
    }  # fmt: skip
    made = (await secret.client.post("/v1/promo", json=body, headers=headers)).json()
    row = await Promotion.get(number=made["id"])
    before = await columns(Promotion, row.id)
    response = await secret.client.put(f"/v1/promo/{made['id']}", json=changes, headers=headers)
    after = await columns(Promotion, row.id)
    changed = {name: value for name, value in after.items() if value != before[name] and name != "particulars"}
    assert (response.status_code, changed) == (400 if expected is None else 200, expected or {}), response.text
