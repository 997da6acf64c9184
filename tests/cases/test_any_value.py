"""Any value in any field is accepted or refused by name; it never causes a fault, nor makes an answer null."""

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)

from db.enums import KeyKind, UsageLevel
from db.models import Account, Code, Organization, Promotion, RefusalStat, UsageStat
from db.queries import usage
from db.values import Share
from resolvers import delete, usage_report
from resolvers.domain import usage_buckets, validate
from resolvers.domain.refusals import InvalidInput
from resolvers.domain.usage_buckets import BucketSize
from resolvers.import_codes import ImportRow
from schema.csv.records import read_codes
from schema.graphql.app import schema
from tests import make
from tests.graphql_client import GraphQLClient
from tests.resolvers.refused import refused

Json = Any
ONE_OF = "PromotionRef"
EDGES = ["0001-01-01T00:00:00Z", "0001-01-01T00:00:00+14:00", "0001-01-02T00:00:00Z", "9999-12-31T23:59:59.999999Z",
         "9999-12-31T23:59:59-14:00", "9999-12-30T23:59:59Z"]  # fmt: skip
TEXTS = ["\x00", "a\udfff", "x" * 100_000, " ", "\u202e\x7f\n", "🎄" * 300, "1e999999"]
HOSTILE: dict[str, list[Json]] = {
    "String": TEXTS,
    "ID": [*TEXTS, "UHJvbW90aW9uOjk5OTk5OTk5OTk5OTk5OTk5OTk5"],
    "Int": [2**31 - 1, -(2**31), 2**31, -1, 0, 1e308, 10**30],
    "Decimal": ["1e999999", "1e-999999", "NaN", "-Infinity", "9" * 40, "0." + "1" * 60, "-1", "1_000", "１", 1e308, 1e-7],
    "DateTime": [*EDGES, "2026-02-30T00:00:00Z", "x"],
    "Date": ["0001-01-01", "9999-12-31", "9999-12-30", "0001-01-02", "2026-W01-1"],
    "JSON": [{"n": 10**400}, {"\x00": 1}, {"a": "\ud800"}, {"a": 1e308}, [], "x", 7, {"a": [[[[]]]] * 5_000}],
    "Boolean": [],
}  # fmt: skip
INSTANCES: dict[str, Json] = {
    "String": "HELLO-15",
    "ID": "x",
    "Int": 1,
    "Decimal": "1",
    "DateTime": "2026-12-24T18:00:00Z",
    "Date": "2026-12-24",
    "JSON": {},
    "Boolean": True,
}
NAMED: dict[str, Json] = {
    "email": "ada@example.com", "reservedForEmail": "ada@example.com", "currency": "EUR", "reference": "hello",
    "style": "CREATIVE", "startsAt": "2026-11-01T00:00:00Z", "from": "2026-11-01T00:00:00Z", "bucket": "DAY",
    "createdAfter": "2026-11-01T00:00:00Z", "number": 77, "codes": "NEW", "newText": "NEWER",
}  # fmt: skip


def sample(kind: Any, name: str) -> Json:
    """A value of a type that makes sense; of references the one field."""
    if is_non_null_type(kind):
        return sample(kind.of_type, name)
    if is_list_type(kind):
        return [sample(kind.of_type, name)]
    if is_input_object_type(kind):
        if kind.name == ONE_OF:
            return {"reference": "hello"}
        left_out = {
            "pattern",
            "startsOn",
            "endsOn",
            "idempotencyKey",
            "locationNumber",
            "productNumber",
            "locationNumbers",
        }
        return {key: sample(field.type, key) for key, field in kind.fields.items() if key not in left_out}
    if is_enum_type(kind):
        return NAMED.get(name) or next(iter(kind.values))
    return NAMED.get(name, INSTANCES[kind.name])


def variations(kind: Any, value: Json) -> Iterator[Json]:
    """The value, each of its leaves in turn being something hostile."""
    if is_non_null_type(kind):
        yield from variations(kind.of_type, value)
    elif is_list_type(kind):
        yield from ([changed] for changed in variations(kind.of_type, sample(kind.of_type, "")))
        yield []
    elif is_input_object_type(kind):
        yield from _of_fields(kind, value)
    elif not is_enum_type(kind):
        yield from HOSTILE[kind.name]


def _of_fields(kind: GraphQLInputObjectType, value: Json) -> Iterator[Json]:
    for name, field in kind.fields.items():
        for changed in variations(field.type, value.get(name, sample(field.type, name))):
            others = (
                {}
                if kind.name == ONE_OF
                else {key: value[key] for key in value if name[:-2] + "At" != key or key == name}
            )
            yield {**others, name: changed}


def faults(status: int, answer: Json) -> list[Json]:
    """What is wrong with an answer: any error that is not a refusal by name, once something has run."""
    errors = answer.get("errors", [])
    has_run = "data" in answer and not all("Variable" in error["message"] for error in errors)
    unnamed = [error for error in errors if has_run and error.get("extensions", {}).get("code") in (None, "FAULT")]
    return unnamed if status in (200, 400) else [status, *errors]


ROOTS = [
    *(("mutation", name, field) for name, field in schema._schema.mutation_type.fields.items()),  # type: ignore[union-attr]
    *(("query", name, field) for name, field in schema._schema.query_type.fields.items() if field.args),  # type: ignore[union-attr]
]


@pytest.mark.long
@pytest.mark.case("W1")
@pytest.mark.parametrize(("kind", "name", "field"), ROOTS, ids=[name for _, name, _ in ROOTS])
async def test_every_argument(
    secret: GraphQLClient,
    organization: Organization,
    kind: str,
    name: str,
    field: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each field of each argument, with each hostile value of its type."""
    await make.promotion(organization, "HELLO-15", reference="hello")
    declared = ", ".join(f"${arg}: {argument.type}" for arg, argument in field.args.items())
    passed = ", ".join(f"{arg}: ${arg}" for arg in field.args)
    document = f"{kind} ({declared}) {{ {name}({passed}) {{ __typename }} }}"
    if name == "usageStats":
        document = document.replace("__typename", "claims")
    variables = {arg: sample(argument.type, arg) for arg, argument in field.args.items()}
    if "after" in variables:
        variables["after"] = None
    failures = []
    caplog.set_level(logging.ERROR)
    sensible = await secret.execute(document, **variables)
    assert "errors" not in sensible, sensible
    if kind == "mutation" and name != "releaseClaim":
        assert sensible["data"][name]["__typename"] not in ("InvalidInput", "UnknownPromotion"), sensible
    for arg, argument in field.args.items():
        for changed in variations(argument.type, variables[arg]):
            response = await secret.post({"query": document, "variables": {**variables, arg: changed}})
            wrong = faults(response.status_code, response.json())
            if wrong or caplog.records:
                failures.append(
                    (json.dumps(changed)[:600], str(wrong)[:200], [str(r.exc_info) for r in caplog.records])
                )
                caplog.clear()
    assert failures == []


REST: list[tuple[KeyKind, str, str, Json]] = [
    (KeyKind.SECRET, "POST", "/codes/claim", {"code": "HELLO-15", "email": "ada@example.com"}),
    (KeyKind.SECRET, "POST", "/codes/generate", {"amount": 1, "validFrom": EDGES[0], "validUntil": EDGES[0],
        "allowedClaims": 1, "reservedFor": "ada@example.com", "type": "creative"}),
    (KeyKind.SECRET, "POST", "/codes/send", {"code": "HELLO-15", "emails": ["ada@example.com"]}),
    (KeyKind.SECRET, "POST", "/codes/delete", {"code": "NONE"}),
    (KeyKind.SECRET, "POST", "/claims/exchange", {"token": "x"}),
    (KeyKind.SECRET, "POST", "/leads/create", {"email": "bo@example.com", "firstname": "Bo", "lastname": "Li",
        "referralCode": "abcdefgh", "notes": "x", "waitlist": True}),
    (KeyKind.SECRET, "POST", "/leads/delete", {"email": "ada@example.com"}),
    (KeyKind.ACCOUNT, "POST", "/v1/promo", {"user_id": 1, "site_id": 1, "code": "NEW", "is_enabled": True, "bonus_type": 0,
        "bonus_amount": 1, "bonus_amount_is_in_percentages": False, "time_limit_is_enabled": True, "d_on": EDGES[0],
        "d_off": EDGES[0], "quantity_limit_is_enabled": True, "quantity_limit": 5, "personal_limit_is_enabled": True}),
    (KeyKind.ACCOUNT, "PUT", "/v1/promo/7", {"code": "HELLO-15", "bonus_amount": 1, "bonus_type": 0, "d_on": EDGES[0],
        "d_off": EDGES[0], "quantity_limit": 5, "is_enabled": True}),
    (KeyKind.DEVICE, "POST", "/webshop-promotions/webshopcode", {"code": "HELLO-15", "firstname": "Ada", "lastname": "L",
        "email": "ada@example.com", "promotion_reference": "hello", "organization_identifier": "demo", "location_id": 1}),
    (KeyKind.DEVICE, "POST", "/webshop-promotions/requestActivatePromotionCode", {"firstname": "Ada", "lastname": "L",
        "email": "ada@example.com", "promotion_identifier": "hello", "organization_identifier": "demo",
        "organization_id": 1, "off_peak_sale": True, "location_id": 1, "product_id": 1}),
    (KeyKind.DEVICE, "POST", "/webshop-promotions/createNonActivatedCodes", {"codes": "1", "promotion_reference": "hello",
        "organization_id": "1"}),
]  # fmt: skip
ANYTHING = [
    *TEXTS,
    None,
    True,
    0,
    -1,
    2**31,
    10**30,
    float("nan"),
    float("inf"),
    1e308,
    0.1,
    [],
    {},
    [None],
    *EDGES,
    "１",
    "1_0",
]


@pytest.mark.long
@pytest.mark.case("W1")
@pytest.mark.parametrize(("key", "method", "path", "body"), REST, ids=[path for _, _, path, _ in REST])
async def test_every_member_at_every_vendors_door(
    secret: GraphQLClient,
    organization: Organization,
    key: KeyKind,
    method: str,
    path: str,
    body: Json,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Each member of each body, with anything at all in it, is answered by the vendor's words."""
    await make.promotion(organization, "HELLO-15", reference="hello", number=7)
    account = await Account.get(id=organization.account_id)
    headers = {
        "Authorization": f"Bearer {await make.key(organization, key)}",
        "X-Api-User-Id": str(account.number),
        "Content-Type": "application/json",
    }
    failures = []
    for name in body:
        for value in ANYTHING:
            content = json.dumps({**body, name: value})
            response = await secret.client.request(method, path, content=content, headers=headers)
            if response.status_code >= 500 or response.json() is None:
                failures.append(
                    (name, json.dumps(value)[:100], response.text, [str(r.exc_info) for r in caplog.records])
                )
            caplog.clear()
    assert failures == []


MOST = 2**62


@pytest.mark.long
@pytest.mark.case("W1")
async def test_no_sum_makes_an_answer_null(
    secret: GraphQLClient, public: GraphQLClient, organization: Organization
) -> None:
    """Counts and sums beyond 2147483647 are exact, of claims as of imports."""
    limits = make.params.Limits(per_code=None, per_customer_and_code=None)
    promotion = await make.promotion(organization, "HELLO-15", reference="hello", limits=limits)
    for reference in ("R-1", "R-2"):
        order = {"reference": reference, "quantity": 2_000_000_000, "total": {"amount": "1", "currency": "EUR"}}
        assert (await public.claim(order=order))["__typename"] == "CodeClaimed"
    data = await secret.ask("{ usageStats { claims customers orderQuantity orderTotal } }")
    assert data["usageStats"] == [{"claims": "2", "customers": 1, "orderQuantity": "4000000000", "orderTotal": "2.00"}]
    await Promotion.filter(id=promotion.id).update(claim_count=MOST)
    await Code.filter(promotion_id=promotion.id).update(claim_count=MOST)
    await UsageStat.all().update(claims=MOST, order_quantity=MOST, order_total=MOST)
    stat = await UsageStat.all().first()
    assert stat is not None
    for level in UsageLevel:
        await RefusalStat.create(
            organization_id=organization.id, promotion_id=promotion.id, level=level, starts_at=stat.starts_at,
            currency="EUR", reason="ENDED", count=MOST,
        )  # fmt: skip
    data = await secret.ask(
        """{ promotion(ref: {reference: "hello"}) { claimCount
             codes { nodes { claimCount remainingClaims } } usageStats { claims orderQuantity refusals { count } } } }"""
    )
    assert data["promotion"]["claimCount"] == str(MOST)
    assert data["promotion"]["codes"]["nodes"] == [{"claimCount": str(MOST), "remainingClaims": None}]
    assert data["promotion"]["usageStats"][0]["refusals"] == [{"count": str(MOST)}]


@pytest.mark.long
@pytest.mark.case("W1")
@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Asia/Tokyo", "America/Los_Angeles"])
async def test_usage_at_the_calendars_edge(organization: Organization, zone: str) -> None:
    """A bucket that would begin before the year 1, or end after 9999, is refused by name in every zone and size."""
    organization.time_zone = zone
    within = [datetime(1, 3, 1, tzinfo=UTC), datetime(9999, 10, 30, tzinfo=UTC)]
    beyond = [datetime(1, 1, 1, tzinfo=UTC), datetime(1, 1, 2, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=UTC)]
    for size in BucketSize:
        for start in within:
            query = usage_report.UsageQuery(size, start, start + timedelta(minutes=59))
            [row, *_] = await usage_report.organization_usage(organization, query, True, make.NOW)
            assert row.start <= start < row.end
        for start in beyond:
            async with refused(InvalidInput) as no:
                query = usage_report.UsageQuery(size, start, start + timedelta(minutes=59))
                await usage_report.organization_usage(organization, query, True, make.NOW)
            assert no.value.path == ("from",)


@pytest.mark.case("W16")
@pytest.mark.parametrize(
    ("kind", "written", "expected"),
    [
        ("DateTime", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("DateTime", "2026-01-01t00:00:00z", "2026-01-01T00:00:00Z"),
        ("DateTime", "2026-01-01T01:00:00.25+01:00", "2026-01-01T00:00:00.250000Z"),
        ("DateTime", "2026-01-01T00:00:00.1234567899Z", "2026-01-01T00:00:00.123456Z"),
        ("DateTime", "1990-12-31T15:59:60-08:00", "1991-01-01T00:00:00Z"),
        *(("DateTime", written, None) for written in (
            "2026-W01-1T00:00:00Z", "2026-001T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:00:00", "2026-01-01",
            "2026-01-01 00:00:00Z", "2026-01-01T00:00Z", "20260101T000000Z", "2026-01-01T00:00:00+0100", " 2026-01-01T00:00:00Z",
            "2026-01-01T00:00:00Z\n", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60",
            "２０２６-01-01T00:00:00Z", "2026-01-15T23:59:60Z", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "",
        )),
        ("Date", "2026-12-24", "2026-12-24"),
        *(("Date", written, None) for written in ("2026-W52-4", "2026-358", "20261224", " 2026-12-24", "2026-12-24\n", "2026-02-30", "２０２６-12-24")),
        ("Decimal", "15", "15"),
        ("Decimal", "0012.50", "12.50"),
        *(("Decimal", written, None) for written in ("1_000", "１", " 1", "1 ", "1\n", "1e1", "1E-1", "+1", ".5", "5.", "NaN", "Infinity", "", "0x10", "٣")),
    ],
)  # fmt: skip
def test_scalars_are_written_in_one_way(kind: str, written: str, expected: str | None) -> None:
    """Instants by RFC 3339, days by its full-date, decimals as digits; expected None is refused."""
    scalar: Any = schema._schema.type_map[kind]
    if expected is None:
        with pytest.raises(GraphQLError):
            scalar.coerce_input_value(written)
    else:
        assert scalar.coerce_output_value(scalar.coerce_input_value(written)) == expected


@pytest.mark.case("W16")
@pytest.mark.parametrize(
    ("literal", "is_good"),
    [("15", True), ("12.5", True), ('"12.5"', True), ("1e1", False), ('"1e1"', False), ("true", False), ("[1]", False)],
)
async def test_a_decimal_in_a_document_is_digits(secret: GraphQLClient, literal: str, is_good: bool) -> None:
    """As a number or a string, it has no exponent."""
    discount = f"{{kind: PERCENTAGE, value: {literal}}}"
    answer = await secret.execute(
        f'mutation {{ createPromotion(input: {{name: "x", discount: {discount}}}) {{ __typename }} }}'
    )
    assert (answer["data"] == {"createPromotion": {"__typename": "PromotionChanged"}}) is is_good, answer


@pytest.mark.case("W16")
async def test_an_import_reads_instants_alike(organization: Organization) -> None:
    """The cells of a CSV are read as GraphQL reads them."""
    cells = {
        "2026-01-01t00:00:00z": True,
        "2026-W01-1T00:00:00Z": False,
        "2026-01-01T24:00:00Z": False,
        "2026-01-01": False,
    }
    for cell, is_good in cells.items():
        [row] = read_codes(BytesIO(f"text,ends_at\nHELLO,{cell}\n".encode()))
        assert isinstance(row, ImportRow) is is_good, cell


@pytest.mark.case("W16")
@pytest.mark.parametrize(
    ("written", "is_good"),
    [
        ("2026-12-24T18:00:00.000Z", True),  # JavaScript's toISOString
        ("2026-12-24T18:00:00+01:00", True),  # PHP's date('c')
        ("2026-12-24T18:00:00+0100", True),  # PHP's DATE_ISO8601
        ("2026-12-24T18:00Z", True),
        ("2026-W52-4T18:00:00Z", False),
        ("2026-358T18:00:00Z", False),
        ("2026-12-24T24:00:00Z", False),
        ("2026-12-24T18:00:00", False),
        ("20261224T180000Z", False),
    ],
)
async def test_vendors_read_iso_8601_of_days_and_times(secret: GraphQLClient, written: str, is_good: bool) -> None:
    """What their clients write is read; weeks, days of the year and 24:00 are not, nor what has no offset."""
    response = await secret.client.post("/codes/generate", json={"validUntil": written}, headers=secret.headers)
    assert response.status_code == (200 if is_good else 400), response.text


@pytest.mark.case("W1")
async def test_a_bucket_holds_sums_of_any_size(organization: Organization) -> None:
    """Of a day with a million of the largest orders as of one with none, added, taken out and deleted: to the unit."""
    promotion = await make.promotion(organization, "HELLO-15")
    [bucket, _] = usage_buckets.hour_and_day(organization.id, promotion.id, "EUR", make.NOW, organization.time_zone)
    largest = validate.MAX_AMOUNT
    total, gone = 0, 0
    for claims in (1, 5_000, -4_999, 1_000_000, -1, 3, 10**9, -(10**9), 7_777_777):
        amount = claims * largest - 1
        total += amount
        await usage.add([bucket], Share(claims, amount, claims, -amount))
        gone += amount // 3
        await usage.add_deleted_share(bucket, Share(claims, amount // 3, claims, -(amount // 3)))
        [row] = await usage.all_of(organization.id)
        assert (usage.total_share(row).order_total, usage.total_share(row).discount_total) == (total, -total)
        assert (usage.deleted_share(row).order_total, usage.deleted_share(row).discount_total) == (gone, -gone)


@pytest.mark.case("W1")
async def test_claims_go_on_beyond_the_largest_sum(secret: GraphQLClient, organization: Organization) -> None:
    """A bucket that is full of the largest orders takes more of them, tells the sum, and balances."""
    limits = make.params.Limits(per_code=None, per_customer_and_code=None)
    promotion = await make.promotion(organization, "HELLO-15", limits=limits)
    order = {"reference": "R-1", "total": {"amount": "9999999999999.99", "currency": "EUR"}}
    first = await secret.claim(order=order)
    await UsageStat.all().update(order_total=usage.HIGH_UNIT - 1)
    assert (await secret.claim(order={**order, "reference": "R-2"}))["__typename"] == "CodeClaimed"
    expected = (usage.HIGH_UNIT - 1 + 10**15 - 1) / Decimal(100)
    data = await secret.ask("{ usageStats { orderTotal } }")
    assert Decimal(data["usageStats"][0]["orderTotal"]) == expected
    released = await secret.mutate("releaseClaim", "", {"claimId": first["claim"]["id"], "reason": "test"})
    assert released["__typename"] == "ClaimReleased"
    data = await secret.ask("{ usageStats { orderTotal } }")
    assert Decimal(data["usageStats"][0]["orderTotal"]) == expected - Decimal("9999999999999.99")
    await delete.promotion(organization, make.params.PromotionRef(id=promotion.id), dry_run=False)
    data = await secret.ask("{ usageStats { orderTotal } }")
    assert Decimal(data["usageStats"][0]["orderTotal"]) == expected - Decimal("9999999999999.99")
    [row, *_] = await usage.all_of(organization.id)
    assert usage.deleted_share(row) == usage.total_share(row)
