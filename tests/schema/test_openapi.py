"""OpenAPI's description of the vendors' doors: complete, as OpenAPI has it, and true of the documented samples."""

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi.openapi.models import OpenAPI
from fastapi.routing import APIRoute

from schema import app as http_app
from schema import vendors
from schema.context import Services
from schema.routing import DirectEndpoint
from schema.vendors.kit import parse_lenient_json
from tests import json_schema
from tests.schema.vendors import test_lancero, test_lpmotor, test_walletapp

Description = dict[str, Any]
WITHOUT_BODY = {("delete", "/v1/promo/{promo_id}")}
"""Operations of a method that mostly has a body, which have none."""
UNREAD = {"/projects/addvisit"}
"""Paths whose bodies are described, and not read."""


@pytest.fixture
def description(services: Services) -> Description:
    return http_app.create_app(services).openapi()


def operations(description: Description) -> Iterator[tuple[str, str, Description]]:
    """The method, path and description of each operation."""
    for path, item in description["paths"].items():
        yield from ((method, path, operation) for method, operation in item.items())


def body_schema(description: Description, method: str, path: str) -> Description:
    content = description["paths"][path][method]["requestBody"]["content"]
    schema: Description = content["application/json"]["schema"]
    return schema


def answer_schema(description: Description, method: str, path: str, status: int = 200) -> Description:
    response = description["paths"][path][method]["responses"][str(status)]
    schema: Description = response["content"]["application/json"]["schema"]
    return schema


# ------------------------------------------------------------------ as OpenAPI has it


def references(value: Any) -> Iterator[str]:
    """Every `$ref` in a value."""
    if isinstance(value, dict):
        yield from ([value["$ref"]] if "$ref" in value else [])
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from references(each)


def test_the_description_has_openapis_shape(description: Description) -> None:
    """It is OpenAPI 3.1: what is referred to is there, paths name their parameters, and no two operations have one id."""
    OpenAPI.model_validate(description)
    assert re.fullmatch(r"3\.1\.\d+", description["openapi"])
    assert {"title", "version"} <= description["info"].keys()
    assert [ref for ref in references(description) if not json_schema.resolve(ref, description)] == []
    ids = [operation["operationId"] for _, _, operation in operations(description)]
    assert len(ids) == len(set(ids))
    for _, path, operation in operations(description):
        parameters = operation.get("parameters", [])
        in_path = sorted(each["name"] for each in parameters if each["in"] == "path")
        assert in_path == sorted(re.findall(r"{(\w+)}", path)), path
        assert all(each["required"] and each["schema"] for each in parameters), path
        assert all(response["description"] for response in operation["responses"].values()), path
        schemes = {name for scheme in operation["security"] for name in scheme}
        assert schemes == set(description["components"]["securitySchemes"]) == {"key"}
    scheme = description["components"]["securitySchemes"]["key"]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")


async def test_the_description_is_not_served_yet(served: httpx.AsyncClient) -> None:
    """`/openapi.json` and `/docs` are nobody's path."""
    for path in ("/openapi.json", "/docs", "/redoc"):
        assert (await served.get(path)).status_code == 404


# ------------------------------------------------------------------ complete


def test_every_vendors_operation_is_described(description: Description) -> None:
    """Each documented route has a tag, a summary, a body where it takes one, an answer, and its failures."""
    routes = [
        (method.lower(), route.path_format)
        for vendor in vendors.discover()
        for route in vendor.router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods
    ]
    assert sorted(routes) == sorted((method, path) for method, path, _ in operations(description))
    for method, path, operation in operations(description):
        assert len(operation["tags"]) == 1
        assert operation["summary"]
        assert operation["description"]
        takes_body = method != "get" and (method, path) not in WITHOUT_BODY
        assert ("requestBody" in operation) == takes_body, path
        failures = {status for status in operation["responses"] if status != "200"}
        assert failures >= {"401", "500", "503"} | ({"413"} if takes_body and path not in UNREAD else set()), path
        shapes = {json.dumps(answer_schema(description, method, path, int(status))) for status in failures}
        assert len(shapes) == 1, path
        assert answer_schema(description, method, path)
    assert {tag for _, _, operation in operations(description) for tag in operation["tags"]} >= {
        "Lancero",
        "LP Motor",
        "WalletApp",
    }


def test_nothing_is_parsed_by_a_description() -> None:
    """Each described route calls its endpoint with the raw request, past whatever FastAPI reads."""
    for vendor in vendors.discover():
        for route in vendor.router.routes:
            assert isinstance(route, APIRoute)
            assert isinstance(route.app, DirectEndpoint)
            assert route.body_field is None


# ------------------------------------------------------------------ the documented samples

CREATE_LEAD = '{"firstname": "Dries", "lastname": "Augustyns", "email": "dries@lancero.app", "waitlist": true}'
WEBSHOP = "/webshop-promotions"
BODIES = [
    ("post", "/codes/claim", test_lancero.CLAIM_SAMPLE),
    ("post", "/codes/generate", test_lancero.GENERATE_SAMPLE),
    ("post", "/codes/send", test_lancero.SEND_SAMPLE),
    ("post", "/codes/delete", test_lancero.DELETE_SAMPLE),
    ("delete", "/codes/delete", '{"code":"fantastic-apple"}'),
    ("post", "/claims/exchange", '{"token": "18553c856c0462412672d416"}'),
    ("post", "/leads/create", CREATE_LEAD),
    ("post", "/customers/create", '{"email":"dries@lancero.app","waitlist":false}'),
    ("delete", "/leads/delete", '{\n    "email": "dries@lancero.app",\n}\n'),
    ("post", "/v1/promo", '{"user_id":123,"site_id":11111,"code":"mypromocode"}'),
    ("put", "/v1/promo/{promo_id}", '{"code":"newpromocode"}'),
    ("put", "/v1/promo/{promo_id}", json.dumps(test_lpmotor.WHOLE)),
    ("post", f"{WEBSHOP}/webshopcode", test_walletapp.ACTIVATE_SAMPLE),
    ("post", f"{WEBSHOP}/requestActivatePromotionCode", test_walletapp.ISSUE_SAMPLE),
    ("post", f"{WEBSHOP}/Orders", test_walletapp.ISSUE_SAMPLE),
    ("post", f"{WEBSHOP}/createNonActivatedCodes", test_walletapp.MAKE_SAMPLE),
]


@pytest.mark.parametrize(("method", "path", "sample"), BODIES)
def test_a_documented_body_is_as_described(description: Description, method: str, path: str, sample: str) -> None:
    """The vendors' own samples are valid, but for their commas; each member of them is described."""
    schema, body = body_schema(description, method, path), parse_lenient_json(sample)
    assert list(json_schema.errors(body, schema, description)) == []
    assert body.keys() <= schema["properties"].keys()


CODE = {
    "code": "fantastic-apple",
    "allowedClaims": 10,
    "validFrom": "2021-11-29T17:42:07.647Z",
    "validUntil": None,
    "reservedFor": {"email": "hello@lancero.app"},
    "claims": 0,
    "createdAt": "2021-11-25T17:42:07.647Z",
    "updatedAt": "2021-11-25T17:42:07.647Z",
}
PROMO = {
    "code": "string",
    "is_enabled": True,
    "bonus_type": 0,
    "bonus_amount": 0,
    "bonus_amount_is_in_percentages": True,
    "time_limit_is_enabled": True,
    "d_on": "2021-08-04T14:36:22.614Z",
    "d_off": "2021-08-04T14:36:22.614Z",
    "quantity_limit_is_enabled": True,
    "quantity_limit": 0,
}
USE = {
    "id": 0,
    "promo_id": 0,
    "lead_id": 0,
    "bonus_type_id": 0,
    "bonus_amount": 0,
    "bonus_amount_is_in_percentages": 0,
    "order_price": 0,
    "order_quantity": 0,
    "discount_amount": 0,
    "promo": {"code": "string"},
    "d_lead_created": "2021-08-04T15:02:13.184Z",
    "currency": "string",
}
ISSUED = {
    "code": "WLNT-ABC-DEF-GHI2",
    "expiration_date": "2027-02-21T00:00:00.000Z",
    "url": "https://example.org/r/WLNT-ABC-DEF-GHI2",
    "product_title": "Day ticket",
}
ANSWERS: list[tuple[str, str, int, Any]] = [
    ("get", "/codes/{code}", 200, {"success": True, "data": CODE}),
    ("post", "/codes/generate", 200, {"success": True, "data": [CODE, CODE]}),
    ("post", "/codes/claim", 200, {"success": True, "data": {"token": "18553c856c0462412672d416"}}),
    ("post", "/codes/send", 200, {"success": True, "data": {"receivedLeads": 2, "notifiedLeads": 2}}),
    (
        "get",
        "/codes/code/{code}",
        404,
        {"code": 404, "error": "Not Found", "message": "That code was not found", "time": 1637862127647},
    ),
    (
        "get",
        "/v1/promo",
        200,
        [{**PROMO, "id": 0, "pos": 0, "promo_used_count": 0, "is_valid": True}],
    ),
    ("post", "/v1/promo", 200, {**PROMO, "personal_limit_is_enabled": True}),
    ("get", "/v1/promo/{promo_id}", 200, {**PROMO, "personal_limit_is_enabled": True}),
    ("put", "/v1/promo/{promo_id}", 200, {**PROMO, "personal_limit_is_enabled": True}),
    ("get", "/v1/promo/{promo_id}/statistics", 200, [USE]),
    ("get", "/v1/promo", 403, {"title": "user cant view site", "error": 30, "code": 403}),
    (
        "post",
        f"{WEBSHOP}/webshopcode",
        200,
        {"success": True, "message": "Promotion code activated successfully"},
    ),
    (
        "post",
        f"{WEBSHOP}/requestActivatePromotionCode",
        200,
        {"success": True, "message": "Promotion code created and activated successfully", "result": [ISSUED]},
    ),
    (
        "post",
        f"{WEBSHOP}/createNonActivatedCodes",
        200,
        {"success": True, "message": "Promotion codes created successfully", "codes": [{"code": "promotion code"}]},
    ),
    (
        "post",
        f"{WEBSHOP}/webshopcode",
        422,
        {
            "success": False,
            "message": "The email field is required.",
            "errors": {"email": ["The email field is required."]},
        },
    ),
]


@pytest.mark.parametrize(("method", "path", "status", "sample"), ANSWERS)
def test_a_documented_answer_is_as_described(
    description: Description, method: str, path: str, status: int, sample: Any
) -> None:
    """The vendors' own samples of answers are valid."""
    schema = answer_schema(description, method, path, status)
    assert list(json_schema.errors(sample, schema, description)) == []


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("post", "/codes/claim", {"code": "x"}),
        ("post", "/codes/generate", {"amount": 1, "type": "roman"}),
        ("post", "/v1/promo", {"code": "x"}),
        ("put", "/v1/promo/{promo_id}", {"is_enabled": "perhaps"}),
        ("post", f"{WEBSHOP}/createNonActivatedCodes", {"codes": [], "promotion_reference": "x", "organization_id": 1}),
    ],
)
def test_a_wrong_body_is_not_as_described(description: Description, method: str, path: str, body: Any) -> None:
    """A schema says more than that there is an object."""
    assert list(json_schema.errors(body, body_schema(description, method, path), description)) != []
