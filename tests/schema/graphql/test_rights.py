"""Authorization: keys and their rights, a public key's documents, and the separation of organizations."""

import re

import httpx
import pytest
from graphql import GraphQLObjectType, get_named_type, is_leaf_type

from db.enums import KeyKind
from db.models import Code, Organization
from resolvers import generate
from schema.graphql.app import schema
from tests import make
from tests.conftest import Clock
from tests.graphql_client import GraphQLClient, Json

PUBLIC_CLAIM = """mutation($input: ClaimCodeInput!) { claimCode(input: $input) { __typename
  ... on CodeClaimed { replayed exchangeToken claim { id status createdAt
    order { reference total { amount currency } quantity } discount { amount currency }
    customer { id email firstName lastName createdAt }
    code { text status url window { startsAt endsAt isOpen } promotion { name
      discount { kind value currency minimumOrder { amount } maximumDiscount { amount } }
      window { startsAt endsAt isOpen } } } } }
  ... on Refusal { reason message } ... on InvalidInput { path } ... on TooManyAttempts { retryAfterSeconds } } }"""
PUBLIC_CHECK = "query($input: CheckCodeInput!) { checkCode(input: $input) { isClaimable discount { amount } refusals { __typename reason message } } }"


async def test_a_public_key_claims_and_checks(public: GraphQLClient, organization: Organization) -> None:
    """A public key may select all that is public, of a claim that it made."""
    await make.promotion(organization, "HELLO-15")
    input = {
        "text": "hello 15",
        "customer": {"email": "ada@example.com", "firstName": "Ada"},
        "order": {"reference": "R-1", "total": {"amount": "10", "currency": "EUR"}},
    }
    assert (await public.ask(PUBLIC_CHECK, input=input))["checkCode"] == {
        "isClaimable": True,
        "discount": {"amount": "1.50"},
        "refusals": [],
    }
    claimed = (await public.ask(PUBLIC_CLAIM, input=input))["claimCode"]
    assert claimed["claim"]["customer"]["firstName"] == "Ada"
    assert claimed["claim"]["code"]["promotion"]["name"] == "Spring sale"


async def test_a_public_key_sees_no_name_that_it_did_not_send(
    public: GraphQLClient, organization: Organization
) -> None:
    """Claiming with a customer's address returns none of their names."""
    await make.promotion(organization, "HELLO-15")
    await make.customer(organization, "ada@example.com", "Ada", "Lovelace")
    claimed = (await public.ask(PUBLIC_CLAIM, input={"text": "hello15", "customer": {"email": "ada@example.com"}}))[
        "claimCode"
    ]
    customer = claimed["claim"]["customer"]
    assert (customer["firstName"], customer["lastName"]) == (None, None)


@pytest.mark.parametrize(
    "input",
    [
        {"text": "no such code"},
        {"text": "FULL"},
        {"text": "OFF"},
        {"text": "HELLO-15", "order": {"reference": "R-1"}},
    ],
)
async def test_a_public_key_gets_one_refusal_for_every_rule(
    public: GraphQLClient, organization: Organization, input: Json
) -> None:
    """NotClaimable is the refusal by any rule, of an unknown code, and of another customer's order."""
    await make.promotion(organization, "FULL")
    await make.promotion(organization, "OFF", is_enabled=False)
    await make.promotion(organization, "HELLO-15")
    await make.claimed(organization, "FULL", "eve@example.com")
    await make.claimed(organization, "HELLO-15", "eve@example.com", make.order("R-1"))
    input = {**input, "customer": {"email": "ada@example.com"}}
    refusal = {"reason": "NOT_CLAIMABLE", "message": "This code cannot be claimed."}
    assert (await public.ask(PUBLIC_CLAIM, input=input))["claimCode"] == {"__typename": "NotClaimable", **refusal}
    checked = (await public.ask(PUBLIC_CHECK, input=input))["checkCode"]
    assert checked == {
        "isClaimable": False,
        "discount": None,
        "refusals": [{"__typename": "NotClaimable", **refusal}],
    }


async def test_a_public_key_gets_the_path_of_invalid_input(public: GraphQLClient) -> None:
    """InvalidInput is the same for every key."""
    refusal = (await public.ask(PUBLIC_CLAIM, input={"text": "x", "customer": {"email": "nobody"}}))["claimCode"]
    assert (refusal["reason"], refusal["path"]) == ("INVALID_INPUT", ["input", "customer", "email"])


@pytest.mark.parametrize(
    "selection",
    [
        "code { claims { nodes { customer { email } } } }",
        "code { claimCount }",
        "code { id }",
        "code { promotion { codes { nodes { text } } } }",
        "code { promotion { usageStats { claims } } }",
        "code { reservedFor { email } }",
        "customer { claims { nodes { id } } }",
        "location { name }",
        "...Secret",
        "... on Node { ... on Claim { releaseReason } }",
    ],
)
async def test_a_public_document_is_checked_before_it_runs(
    public: GraphQLClient, organization: Organization, selection: str
) -> None:
    """A public key's document that selects more reads no data, and claims nothing."""
    await make.promotion(organization, "HELLO-15")
    document = f"""mutation {{ claimCode(input: {{text: "HELLO-15", customer: {{email: "ada@example.com"}}}}) {{
        ... on CodeClaimed {{ claim {{ {selection} }} }} }} }}"""
    if "Secret" in selection:
        document += " fragment Secret on Claim { code { metadata } }"
    response = await public.execute(document)
    assert response.get("data") is None
    assert {error["extensions"]["code"] for error in response["errors"]} == {"FORBIDDEN"}
    assert [code.claim_count for code in await Code.all()] == [0]


async def test_a_public_key_may_select_nothing_else(public: GraphQLClient) -> None:
    """Each other field of Query and Mutation is forbidden, introspection too."""
    for kind in ("Query", "Mutation"):
        root = schema._schema.type_map[kind]
        assert isinstance(root, GraphQLObjectType)
        for name, field in root.fields.items():
            if name in ("checkCode", "claimCode"):
                continue
            selection = "" if is_leaf_type(get_named_type(field.type)) else "{ __typename }"
            response = await public.execute(f"{kind.lower()} {{ {name} {selection} }}")
            assert f"A public key may not ask for {kind}.{name}." in [error["message"] for error in response["errors"]]
    for document in ("{ __schema { types { name } } }", '{ __type(name: "Code") { name } }'):
        response = await public.execute(document)
        assert response.get("data") is None


@pytest.mark.parametrize("header", [None, "", "Bearer", "Basic abc", "Bearer sk_wrong", "Bearer \udcff"])
async def test_a_request_without_a_key_is_unauthenticated(served: httpx.AsyncClient, header: str | None) -> None:
    """No key, or one that does not work, is 401 before anything is read."""
    headers = {} if header is None else {"Authorization": header.encode("utf-8", "surrogateescape")}
    response = await served.post("/graphql", json={"query": "{ __typename }"}, headers=headers)
    assert response.status_code == 401
    assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
    assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_an_account_key_names_its_organization(served: httpx.AsyncClient, organization: Organization) -> None:
    """An ACCOUNT key is for its only organization, or for the one that it names; never for another account's."""
    key = await make.key(organization, KeyKind.ACCOUNT)
    query = "{ organization { identifier } }"
    assert (await GraphQLClient(served, key).ask(query))["organization"] == {"identifier": "demo"}
    await make.organization("second", account=1)
    await make.organization("foreign", account=2)
    assert (await GraphQLClient(served, key).post({"query": query})).status_code == 400
    named = GraphQLClient(served, key, **{"X-Organization": "second"})
    assert (await named.ask(query))["organization"] == {"identifier": "second"}
    foreign = GraphQLClient(served, key, **{"X-Organization": "foreign"})
    assert (await foreign.post({"query": query})).status_code == 400


async def test_a_revoked_key_is_refused(secret: GraphQLClient, clock: Clock) -> None:
    """Revoking works from the next request on."""
    from resolvers import find, revoke

    (key,) = await find.keys(None)
    assert await revoke.key(key.id, clock.now)
    assert (await secret.post({"query": "{ __typename }"})).status_code == 401


# ------------------------------------------------------------------ separation of organizations

FOREIGN: dict[str, str] = {
    "node": "{ node(id: $code) { id } other: node(id: $claim) { id } third: node(id: $promotion) { id } last: node(id: $job) { id } }",
    "nodes": "{ nodes(ids: [$organization, $code, $claim, $customer, $job]) { id } }",
    "organization": "{ organization { identifier promotions { nodes { reference } } locations { name } products { title } usageStats { claims } } }",
    "promotion": '{ promotion(ref: {id: $promotion}) { id } other: promotion(ref: {reference: "theirs"}) { id } }',
    "promotions": '{ promotions(filter: {search: "theirs"}) { totalCount nodes { id } } }',
    "code": '{ code(text: "THEIRS") { id } }',
    "codes": "{ codes { totalCount nodes { text } } }",
    "claims": "{ claims { totalCount nodes { id } } }",
    "deliveries": "{ deliveries { totalCount nodes { id } } }",
    "customers": "{ customers { totalCount nodes { email } } }",
    "jobs": "{ jobs { totalCount nodes { id } } }",
    "usageStats": "{ usageStats { claims refusals { count } } }",
    "checkCode": '{ checkCode(input: {text: "THEIRS"}) { isClaimable refusals { reason } code { id } } }',
    "createLocation": 'mutation { createLocation(input: {number: 1, name: "Mine"}) { __typename } }',
    "createProduct": 'mutation { createProduct(input: {number: 1, title: "Mine"}) { __typename } }',
    "createPromotion": 'mutation { createPromotion(input: {name: "Mine", reference: "theirs", codes: ["THEIRS"], locationNumbers: [77]}) { __typename } }',
    "updatePromotion": 'mutation { updatePromotion(input: {promotion: {id: $promotion}, name: "Mine"}) { __typename } }',
    "deletePromotion": "mutation { deletePromotion(input: {promotion: {id: $promotion}}) { __typename } }",
    "generateCodes": "mutation { generateCodes(input: {promotion: {id: $promotion}, amount: 1}) { __typename } }",
    "updateCode": 'mutation { updateCode(input: {text: "THEIRS", isEnabled: false}) { __typename } }',
    "activateCode": 'mutation { activateCode(input: {text: "THEIRS", customer: {email: "a@example.com"}}) { __typename } }',
    "issueCode": 'mutation { issueCode(input: {promotion: {id: $promotion}, customer: {email: "a@example.com"}}) { __typename } }',
    "claimCode": 'mutation { claimCode(input: {text: "THEIRS", customer: {email: "a@example.com"}}) { __typename } }',
    "releaseClaim": 'mutation { releaseClaim(input: {claimId: $claim, reason: "mine"}) { __typename } }',
    "sendCode": 'mutation { sendCode(input: {text: "THEIRS", recipients: [{email: "a@example.com"}]}) { __typename } }',
    "suppressRecipient": 'mutation { suppressRecipient(input: {email: "a@example.com"}) { __typename } }',
    "deleteCode": 'mutation { deleteCode(input: {text: "THEIRS"}) { __typename } }',
}
OUTCOMES = {
    "createLocation": "LocationChanged",
    "createProduct": "ProductChanged",
    "createPromotion": "UnknownLocation",
    "updatePromotion": "UnknownPromotion",
    "deletePromotion": "UnknownPromotion",
    "generateCodes": "UnknownPromotion",
    "updateCode": "UnknownCode",
    "activateCode": "UnknownCode",
    "issueCode": "UnknownPromotion",
    "claimCode": "UnknownCode",
    "releaseClaim": "InvalidInput",
    "sendCode": "UnknownCode",
    "suppressRecipient": "RecipientSuppressed",
    "deleteCode": "UnknownCode",
}


def test_every_field_is_in_the_table() -> None:
    """The table above leaves out no query and no mutation."""
    fields = [name for kind in ("Query", "Mutation") for name in schema._schema.type_map[kind].fields]  # type: ignore[attr-defined]
    assert sorted(fields) == sorted(FOREIGN)


@pytest.mark.parametrize("field", FOREIGN)
async def test_no_row_of_another_organization_is_read_or_changed(
    secret: GraphQLClient, served: httpx.AsyncClient, field: str
) -> None:
    """A key reads no row of another organization, and leaves that one's rows as they were."""
    theirs = await make.organization("foreign", account=2)
    await make.promotion(theirs, "THEIRS", reference="theirs")
    await make.promotion(theirs, "THEIRS-2")
    await make.claimed(theirs, "THEIRS-2")
    neighbour = GraphQLClient(served, await make.key(theirs))
    await neighbour.mutate("createLocation", "", {"name": "Theirs", "number": 77})
    job = await neighbour.mutate(
        "generateCodes", "... on CodesGenerated { job { id } }", {"amount": generate.MAX_CODES_WITHOUT_JOB + 1}
    )
    ids = await neighbour.ask(
        '{ organization { id } promotion(ref: {reference: "theirs"}) { id } code(text: "THEIRS") { id } claims { nodes { id customer { id } } } }'
    )
    their_ids = {
        "$organization": ids["organization"]["id"],
        "$promotion": ids["promotion"]["id"],
        "$code": ids["code"]["id"],
        "$claim": ids["claims"]["nodes"][0]["id"],
        "$customer": ids["claims"]["nodes"][0]["customer"]["id"],
        "$job": job["job"]["id"],
    }
    all_rows = """{ organization { name locations { name } products { title } } promotions { nodes { name version updatedAt } }
      codes { nodes { text isEnabled claimCount updatedAt } } claims { nodes { status } } customers { nodes { email } }
      deliveries { totalCount } usageStats { claims } }"""
    before = await neighbour.ask(all_rows)
    document = re.sub(r"\$\w+", lambda name: f'"{their_ids[name[0]]}"', FOREIGN[field])
    data = await secret.ask(document)
    if field in OUTCOMES:
        assert data == {field: {"__typename": OUTCOMES[field]}}
    text = str(data)
    for their_text in ("THEIRS", "theirs", "foreign", "Theirs", "ada@example.com", *their_ids.values()):
        assert their_text not in text
    if field != "organization":
        assert "'totalCount': 1" not in text
    assert await neighbour.ask(all_rows) == before
