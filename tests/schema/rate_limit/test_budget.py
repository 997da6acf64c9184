"""What strangers may find of an organization's codes in an hour, from however many addresses and processes."""

import asyncio
import base64
import json
from collections import Counter

import altcha
import httpx
import pytest

from benchmarks import guessing
from db.enums import KeyKind
from db.models import Claim, Organization
from resolvers import find, generate, send
from resolvers.claim import code as claim_code
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from resolvers.domain.refusals import Rule, TooManyAttempts
from resolvers.refusal_counter import RefusalCounter
from schema import pages
from schema.rate_limit import AttemptGuard, RateLimits
from schema.rate_limit.budget import CERTAIN_HIT_COST, UNPROVEN_LIMIT, GuessBudgets
from schema.rate_limit.limiter import Limiter
from schema.rate_limit.proof_of_work import ProofOfWork
from tests import make
from tests.graphql_client import GraphQLClient
from tests.make import NOW

pytestmark = pytest.mark.both_databases

ALLOWED = UNPROVEN_LIMIT.most * 1_000 // CERTAIN_HIT_COST
"""Guesses in a window, where one in a thousand hits."""


@pytest.fixture
def rate_limits() -> RateLimits:
    """Sixty failed attempts an address, and proofs that are quick to make."""
    limiter = Limiter()
    return RateLimits(60, limiter, GuessBudgets(limiter, ProofOfWork(cost=10, zeros=1)))


@pytest.fixture
async def texts(organization: Organization) -> list[str]:
    """A thousand codes of six digits."""
    generated = await generate.codes(
        organization, None, 1_000, Format(Style.NUMERIC), generate.CodeOptions(), False, None, NOW
    )
    return [code.text for code in generated.codes]


def unknown(texts: list[str]) -> list[str]:
    """Texts of the same shape that are no codes."""
    codes = set(texts)
    return [text for number in range(2_000) if (text := f"{number:06}") not in codes]


async def outcome(
    organization: Organization,
    rate_limits: RateLimits,
    text: str,
    number: int = 0,
    email: str = "eve@example.com",
    order: params.Order | None = None,
    proof: str | None = None,
) -> str | TooManyAttempts:
    """What comes of a claim with a public key from one of many addresses."""
    guard = AttemptGuard(rate_limits, organization, f"10.0.{number // 250}.{number % 250}")
    try:
        await claim_code(
            organization, text, params.Person(email), order, None, None, guard, RefusalCounter(), NOW, proof
        )
    except TooManyAttempts as refusal:
        return refusal
    except Rule as refusal:
        return type(refusal).__name__
    return "claimed"


async def spend(organization: Organization, rate_limits: RateLimits, texts: list[str]) -> TooManyAttempts:
    """Guess until strangers are held up; the answer that tells it."""
    for number, text in enumerate(unknown(texts)):
        result = await outcome(organization, rate_limits, text, number)
        if isinstance(result, TooManyAttempts):
            return result
    raise AssertionError("nobody was held up")


def solved(challenge: str | None) -> str:
    """The proof that an ALTCHA widget sends."""
    assert challenge is not None
    parsed = altcha.Challenge.from_dict(json.loads(challenge))
    solution = altcha.solve_challenge(parsed)
    assert solution is not None
    return base64.b64encode(json.dumps(altcha.Payload(parsed, solution).to_dict()).encode()).decode()


@pytest.mark.long
@pytest.mark.case("A8")
async def test_all_processes_and_addresses_share_one_budget(organization: Organization, texts: list[str]) -> None:
    """Of 400 guesses at once, each from an address of its own, four processes look at as many as one would."""
    processes = [RateLimits(60) for _ in range(4)]
    answers = await asyncio.gather(
        *(
            outcome(organization, processes[number % 4], text, number)
            for number, text in enumerate(unknown(texts)[:400])
        )
    )
    counts = Counter(answer if isinstance(answer, str) else "held up" for answer in answers)
    assert counts == {"UnknownCode": ALLOWED, "held up": 400 - ALLOWED}
    assert ALLOWED == 30


@pytest.mark.case("A8")
async def test_holders_are_served_when_it_is_spent(
    organization: Organization, texts: list[str], rate_limits: RateLimits
) -> None:
    """By the page's address, the address that a code is reserved for or was sent to, and the order it went into."""
    retried = await outcome(organization, rate_limits, texts[0], email="ada@example.com", order=params.Order("R-1"))
    assert retried == "claimed"
    options = generate.CodeOptions(reserved_for=params.Person("ben@example.com"))
    [reserved] = (await generate.codes(organization, None, 1, Format(Style.NUMERIC), options, False, None, NOW)).codes
    await make.customer(organization, "cy@example.com")
    await send.code(organization, texts[3], [params.Person("cy@example.com")], None, False, False, None, NOW)
    await spend(organization, rate_limits, texts)

    assert isinstance(await outcome(organization, rate_limits, texts[1]), TooManyAttempts)
    assert (
        await outcome(organization, rate_limits, texts[0], email="ada@example.com", order=params.Order("R-1"))
        == "claimed"
    )
    assert isinstance(
        await outcome(organization, rate_limits, texts[0], email="ada@example.com", order=params.Order("R-2")),
        TooManyAttempts,
    )
    assert await outcome(organization, rate_limits, reserved.text, email="ben@example.com") == "claimed"
    assert await outcome(organization, rate_limits, texts[3], email="cy@example.com") == "claimed"
    code = await find.code(organization.id, texts[2])
    page = pages.url("https://codes.example", organization, code.id)
    assert isinstance(await outcome(organization, rate_limits, texts[1], proof=page), TooManyAttempts)
    assert isinstance(await outcome(organization, rate_limits, texts[2], proof=page[:-1] + "x"), TooManyAttempts)
    assert await outcome(organization, rate_limits, texts[2], proof=page) == "claimed"


@pytest.mark.case("A8")
async def test_callers_who_claim_to_be_a_holder_are_counted(
    organization: Organization, texts: list[str], rate_limits: RateLimits
) -> None:
    """Ten wrong guesses an hour with a known customer's address; then their address helps nobody for a while."""
    options = generate.CodeOptions(reserved_for=params.Person("ben@example.com"))
    [reserved] = (await generate.codes(organization, None, 1, Format(Style.NUMERIC), options, False, None, NOW)).codes
    await spend(organization, rate_limits, texts)
    for number, text in enumerate(unknown(texts)[-10:]):
        assert isinstance(
            await outcome(organization, rate_limits, text, 100 + number, "ben@example.com"), TooManyAttempts
        )
    assert isinstance(await outcome(organization, rate_limits, reserved.text, email="ben@example.com"), TooManyAttempts)


@pytest.mark.long
@pytest.mark.case("A8")
async def test_codes_that_cant_be_guessed_are_never_held_up(
    organization: Organization, texts: list[str], rate_limits: RateLimits
) -> None:
    """Whatever is spent on six digits, a long code is looked at, and a wrong one too."""
    await make.promotion(organization, "TK4Q-81ZV-X7PM")
    await spend(organization, rate_limits, texts)
    assert await outcome(organization, rate_limits, "tk4q 81zv x7pm") == "claimed"
    assert await outcome(organization, rate_limits, "tk4q 81zv x7pn") == "UnknownCode"


@pytest.mark.case("A8")
async def test_a_proof_of_work_counts_once(
    organization: Organization, texts: list[str], rate_limits: RateLimits
) -> None:
    """It is good for who was asked for it, at one attempt, in whichever process."""
    other = RateLimits(60, None, GuessBudgets(Limiter(), ProofOfWork(cost=10, zeros=1)))
    await spend(organization, rate_limits, texts)

    async def proof() -> str:
        held_up = await outcome(organization, rate_limits, texts[0], 7)
        assert isinstance(held_up, TooManyAttempts)
        return solved(held_up.challenge)

    first = await proof()
    assert isinstance(await outcome(organization, rate_limits, texts[0], 8, proof=first), TooManyAttempts)
    assert await outcome(organization, rate_limits, texts[0], 7, proof=first) == "claimed"
    for process in (rate_limits, other):
        assert isinstance(await outcome(organization, process, texts[1], 7, proof=first), TooManyAttempts)
    assert await outcome(organization, other, unknown(texts)[0], 7, proof=await proof()) == "UnknownCode"


@pytest.mark.case("A8")
@pytest.mark.parametrize(
    "change",
    [
        lambda payload: payload["solution"].update(counter=payload["solution"]["counter"] + 1),
        lambda payload: payload["challenge"]["parameters"].update(keyPrefix=""),
        lambda payload: payload["challenge"]["parameters"].update(expiresAt=2**40),
        lambda payload: payload["challenge"].update(signature="0" * 64),
        lambda payload: payload["challenge"].update(parameters=[1]),
        lambda payload: payload.pop("solution"),
    ],
)
async def test_invalid_proofs_are_ignored(
    organization: Organization, texts: list[str], rate_limits: RateLimits, change: object
) -> None:
    """A proof that was altered anywhere, or is none, is as good as no proof."""
    held_up = await spend(organization, rate_limits, texts)
    payload = json.loads(base64.b64decode(solved(held_up.challenge)))
    change(payload)  # type: ignore[operator]
    for proof in (base64.b64encode(json.dumps(payload).encode()).decode(), "x", "x" * 10_000, "\ud800"):
        assert isinstance(await outcome(organization, rate_limits, texts[0], ALLOWED, proof=proof), TooManyAttempts)


@pytest.mark.long
@pytest.mark.case("A8")
async def test_the_work_grows_with_what_is_spent(
    organization: Organization, texts: list[str], rate_limits: RateLimits
) -> None:
    """Each twelfth that proven guesses have used up doubles it; and when all is, no proof helps."""
    work = []
    await spend(organization, rate_limits, texts)
    for number, text in enumerate(unknown(texts)[500:600], ALLOWED + 1):
        held_up = await outcome(organization, rate_limits, text, number)
        assert isinstance(held_up, TooManyAttempts)
        if held_up.challenge is None:
            break
        parameters = json.loads(held_up.challenge)["parameters"]
        work.append(parameters["cost"] * 16 ** len(parameters["keyPrefix"]))
        assert await outcome(organization, rate_limits, text, number, proof=solved(held_up.challenge)) == "UnknownCode"
    assert len(work) == ALLOWED * 4 // 3
    assert work == sorted(work)
    assert work[-1] >= 1024 * work[0]


@pytest.mark.long
@pytest.mark.case("A8")
async def test_at_the_doors(
    served: httpx.AsyncClient,
    public: GraphQLClient,
    organization: Organization,
    texts: list[str],
    rate_limits: RateLimits,
) -> None:
    """GraphQL asks for a proof and takes it; Lancero's door answers 429 but to the customer whose code it is."""
    options = generate.CodeOptions(reserved_for=params.Person("ben@example.com"))
    [reserved] = (await generate.codes(organization, None, 1, Format(Style.NUMERIC), options, False, None, NOW)).codes
    await spend(organization, rate_limits, texts)
    document = """mutation ($input: ClaimCodeInput!) { claimCode(input: $input) {
        __typename ... on TooManyAttempts { retryAfterSeconds challenge } } }"""
    input = {"text": texts[0], "customer": {"email": "ada@example.com"}}
    held_up = (await public.ask(document, input=input))["claimCode"]
    assert (held_up["__typename"], 1 <= held_up["retryAfterSeconds"] <= 360) == ("TooManyAttempts", True)
    check_document = "query ($input: CheckCodeInput!) { checkCode(input: $input) { isClaimable } }"
    check_input = {"text": texts[0], "proof": solved(held_up["challenge"])}
    assert (await public.ask(check_document, input=check_input))["checkCode"]["isClaimable"] is True
    held_up = (await public.ask(document, input=input))["claimCode"]
    proven = (await public.ask(document, input={**input, "proof": solved(held_up["challenge"])}))["claimCode"]
    assert proven["__typename"] == "CodeClaimed"

    headers = {"Authorization": f"Bearer {await make.key(organization, KeyKind.PUBLIC)}"}
    for email, status in (("eve@example.com", 429), ("ben@example.com", 200)):
        body = {"code": reserved.text, "email": email}
        answer = await served.post("/codes/claim", json=body, headers=headers)
        assert answer.status_code == status
    assert await Claim.all().count() == 2


async def test_owners_see_how_many_codes_are_at_risk(secret: GraphQLClient, texts: list[str]) -> None:
    """Six digits are, however few ask; and whoever makes such codes is warned."""
    assert (await secret.ask("{ organization { codesAtRisk } }"))["organization"]["codesAtRisk"] == 1_000
    input = {"amount": 500, "format": {"style": "PATTERN", "pattern": "##"}}
    generated = await secret.mutate("generateCodes", "... on CodesGenerated { warnings }", input)
    assert generated["warnings"] == [
        "500 codes of 1,296: one in 3 guesses hits one. Longer codes can't be guessed, ten # in a pattern, say."
    ]
    assert (await secret.ask("{ organization { codesAtRisk } }"))["organization"]["codesAtRisk"] == 1_500


@pytest.mark.long
@pytest.mark.case("A8")
@pytest.mark.parametrize("attacks", [False, True])
async def test_an_hour_of_guessing(attacks: bool) -> None:
    """The benchmark's simulation: less than one find an hour is to be expected, and honest customers hardly notice."""
    _, looked_at, _, _, served = await guessing.row("", 0.5, attacks, cores=0, interval=60)
    assert int(looked_at) * guessing.CODES / 10**6 <= 0.35
    assert float(served.removesuffix(" %")) >= 99.9
