"""`path` leads to what made no sense, as the caller said it."""

from typing import Any

import pytest

from tests.graphql_client import GraphQLClient

QUESTIONS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "{ codes(first: 1000) { totalCount } }": ({}, ["first"]),
    "{ codes(first: -1) { nodes { id } } }": ({}, ["first"]),
    "{ promotions { nodes { codes(first: 101) { nodes { id } } } } }": ({}, ["first"]),
    '{ codes(after: "x") { nodes { id } } }': ({}, ["after"]),
    '{ codes(filter: {reservedForEmail: "x"}) { totalCount } }': ({}, ["filter", "reservedForEmail"]),
    '{ claims(filter: {email: "x"}) { totalCount } }': ({}, ["filter", "email"]),
    '{ claims(filter: {orderReference: ""}) { totalCount } }': ({}, ["filter", "orderReference"]),
    '{ claims(filter: {createdAfter: "0001-01-01T00:00:00Z"}) { totalCount } }': ({}, ["filter", "createdAfter"]),
    "query($t: String!) { promotions(filter: {search: $t}) { totalCount } }": ({"t": "x" * 300}, ["filter", "search"]),
    "query($t: String!) { customers(search: $t) { totalCount } }": ({"t": "x" * 300}, ["search"]),
    "query($t: String!) { promotion(ref: {reference: $t}) { id } }": ({"t": "\x00"}, ["ref", "reference"]),
    "query($i: [ID!]!) { nodes(ids: $i) { id } }": ({"i": ["a"] * 101}, ["ids"]),
    '{ usageStats(input: {from: "2026-01-02T00:00:00Z", to: "2026-01-01T00:00:00Z"}) { claims } }': (
        {},
        ["input", "to"],
    ),
}


@pytest.mark.case("W14")
@pytest.mark.parametrize("question", QUESTIONS)
async def test_the_path_of_a_question(secret: GraphQLClient, question: str) -> None:
    """From the field's own arguments on, of which `input` is one where there is one."""
    variables, path = QUESTIONS[question]
    body = await secret.execute(question, **variables)
    assert [error["extensions"].get("path") for error in body["errors"]] == [path]


PROMOTION = {"name": "n"}
FIXED = {"kind": "FIXED_AMOUNT", "value": "5.00", "currency": "EUR"}
INPUTS: list[tuple[str, dict[str, Any], list[str]]] = [
    ("createPromotion", {**PROMOTION, "codes": ["A", "B", "\u200e"]}, ["codes", "2"]),
    ("createPromotion", {**PROMOTION, "codes": ["A", "B", "a"]}, ["codes", "2"]),
    ("createPromotion", {**PROMOTION, "locationNumbers": [1, 0]}, ["locationNumbers", "1"]),
    ("createPromotion", {**PROMOTION, "locationNumbers": [1] * 1001}, ["locationNumbers"]),
    ("createPromotion", {**PROMOTION, "discount": {**FIXED, "value": "5.001"}}, ["discount", "value"]),
    ("createPromotion", {**PROMOTION, "discount": {**FIXED, "value": "-1"}}, ["discount", "value"]),
    ("createPromotion", {**PROMOTION, "discount": {**FIXED, "value": "9999999999999999"}}, ["discount", "value"]),
    ("createPromotion", {**PROMOTION, "discount": {**FIXED, "currency": "XXQ"}}, ["discount", "currency"]),
    (
        "createPromotion",
        {**PROMOTION, "discount": {**FIXED, "minimumOrder": {"amount": "1.001", "currency": "EUR"}}},
        ["discount", "minimumOrder", "amount"],
    ),
    ("generateCodes", {"promotion": {"reference": "\x00"}, "amount": 1}, ["promotion", "reference"]),
    ("generateCodes", {"amount": 1, "reservedFor": {"email": "x"}}, ["reservedFor", "email"]),
    ("sendCode", {"text": "A", "recipients": [{"email": "a@example.com"}, {"email": "b"}]}, ["recipients", "1", "email"]),
    ("sendCode", {"text": "A", "recipients": []}, ["recipients"]),
    ("claimCode", {"text": "A", "customer": {"email": "b"}}, ["customer", "email"]),
    ("releaseClaim", {"claimId": "x", "reason": "r"}, ["claimId"]),
]  # fmt: skip


@pytest.mark.case("W14")
@pytest.mark.parametrize(("mutation", "mutation_input", "path"), INPUTS)
async def test_the_path_of_an_input(
    secret: GraphQLClient, mutation: str, mutation_input: dict[str, Any], path: list[str]
) -> None:
    """A member of a list by its place; a fixed amount as it is said, without what it isn't made of."""
    answer = await secret.mutate(mutation, "... on InvalidInput { path }", mutation_input)
    assert (answer["__typename"], answer.get("path")) == ("InvalidInput", ["input", *path])
