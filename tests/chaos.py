"""Random work on services that are killed meanwhile, and a diary of their answers that is held against the store.

Each operation is asked again and again until it is answered, as a client does that hears 503 or nothing; now and then
once more, as if the answer got lost. What is random is drawn from one seed.
"""

import asyncio
import csv
import io
import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

import httpx

from tests.graphql_client import GraphQLClient, Json
from tests.installation import Installation

PLACES = {"HOT": 400, "GIVE": 40}
"""Claims that a code's promotion, or the code itself, allows in all."""
PER_CUSTOMER = 3
BUYERS, FEW = 60, 150

PROMOTIONS: list[Json] = [
    {"reference": "hot", "codes": ["HOT"], "limits": {"perCode": None, "perPromotion": PLACES["HOT"]}},
    {"reference": "give", "codes": ["GIVE"], "limits": {"perCode": PLACES["GIVE"]}},
    {
        "reference": "person",
        "codes": ["PERSON"],
        "limits": {"perCode": None, "perCustomer": PER_CUSTOMER, "perCustomerAndCode": PER_CUSTOMER},
    },
    {"reference": "few", "codes": [f"FEW{number}" for number in range(FEW)], "limits": {"perCode": 1}},
    {"reference": "lancero", "codes": ["LANCERO"], "limits": {"perCode": None}},
    {"reference": "issued", "limits": {"perCode": 1}},
]
CLIENT: ContextVar[httpx.AsyncClient] = ContextVar("client")
"""The HTTP client of the current task."""


@dataclass
class Diary:
    """The answers until now: claims by their order's reference, generated codes by their idempotency key."""

    claims: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    refused: set[str] = field(default_factory=set)
    released: set[str] = field(default_factory=set)
    lancero: set[str] = field(default_factory=set)
    generated: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    deleted: set[str] = field(default_factory=set)
    sent: set[tuple[str, str]] = field(default_factory=set)
    operations: Counter[str] = field(default_factory=Counter)
    retries: int = 0


class RandomClients:
    """Clients that do random operations, and note the answers in a diary."""

    def __init__(self, key: str, addresses: list[str], seed: int) -> None:
        self.key, self.addresses, self.random = key, addresses, random.Random(seed)  # noqa: S311
        self.diary = Diary()
        self.numbers = iter(range(10**9))
        self.can_be_released: list[tuple[str, str]] = []
        self.can_be_deleted: list[str] = []
        self.operations: list[tuple[int, Callable[[], Awaitable[None]]]] = [
            (40, self.claim_hot),
            (10, self.claim_as_a_buyer),
            (10, self.claim_one_of_few),
            (8, self.claim_to_give),
            (6, self.release),
            (8, self.claim_at_lancero),
            (8, self.check),
            (3, self.generate),
            (2, self.issue),
            (2, self.delete),
            (1, self.update),
            (2, self.send),
        ]

    async def work(self, number: int, clients: int) -> None:
        """Do a number of operations with some clients at a time."""
        weights = [weight for weight, _ in self.operations]
        operations = iter(self.random.choices([one for _, one in self.operations], weights, k=number))

        async def work_off() -> None:
            async with httpx.AsyncClient(timeout=25, verify=False) as client:  # noqa: S501
                CLIENT.set(client)
                for operation in operations:
                    await operation()
                    self.diary.operations[operation.__name__] += 1

        await asyncio.gather(*(work_off() for _ in range(clients)))

    async def mutate(self, mutation: str, selection: str, mutation_input: Json) -> Json:
        """The outcome of a mutation, which is sent until it is answered, and now and then once more."""
        type_name = mutation[0].upper() + mutation[1:] + "Input"
        body = {
            "query": f"mutation ($input: {type_name}!) {{ {mutation}(input: $input) {{ __typename {selection} }} }}",
            "variables": {"input": mutation_input},
        }
        answer = await self.send_until_answered(lambda client: GraphQLClient(client, self.key).post(body))
        body = answer.json()
        assert "errors" not in body, body
        return dict(body["data"][mutation])

    async def send_until_answered(
        self, send: Callable[[httpx.AsyncClient], Awaitable[httpx.Response]]
    ) -> httpx.Response:
        client = CLIENT.get()
        while True:
            client.base_url = httpx.URL(self.random.choice(self.addresses))
            try:
                answer = await send(client)
            except httpx.TransportError:
                answer = None
            if answer is None or answer.status_code == 503:
                self.diary.retries += 1
                await asyncio.sleep(0.05)
            elif self.random.random() < 0.1:
                continue  # as if the answer got lost on its way
            else:
                assert answer.status_code < 500, answer.text
                return answer

    # ------------------------------------------------------------------ operations

    async def claim(self, text: str, email: str) -> tuple[str, str, str]:
        """An order of its own; the outcome's kind, the order and the claim's id."""
        reference = f"O-{next(self.numbers)}"
        order = {"reference": reference, "total": {"amount": "10.00", "currency": "EUR"}}
        claim_input = {"text": text, "customer": {"email": email}, "order": order}
        result = await self.mutate("claimCode", "... on CodeClaimed { claim { id } }", claim_input)
        if result["__typename"] != "CodeClaimed":
            self.diary.refused.add(reference)
            return result["__typename"], reference, ""
        self.diary.claims[reference].add(result["claim"]["id"])
        return "CodeClaimed", reference, result["claim"]["id"]

    async def claim_hot(self) -> None:
        outcome, _, _ = await self.claim("HOT", f"h{next(self.numbers)}@example.com")
        assert outcome in ("CodeClaimed", "PromotionSpent")

    async def claim_as_a_buyer(self) -> None:
        outcome, _, _ = await self.claim("PERSON", f"buyer{self.random.randrange(BUYERS)}@example.com")
        assert outcome in ("CodeClaimed", "CustomerLimitReached")

    async def claim_one_of_few(self) -> None:
        outcome, _, _ = await self.claim(f"few {self.random.randrange(FEW)}", f"f{next(self.numbers)}@example.com")
        assert outcome in ("CodeClaimed", "FullyClaimed")

    async def claim_to_give(self) -> None:
        outcome, reference, id = await self.claim("GIVE", f"g{next(self.numbers)}@example.com")
        assert outcome in ("CodeClaimed", "FullyClaimed")
        if id:
            self.can_be_released.append((reference, id))

    async def release(self) -> None:
        if self.can_be_released:
            reference, id = self.can_be_released.pop()
            result = await self.mutate("releaseClaim", "", {"claimId": id, "reason": "chaos"})
            assert result["__typename"] == "ClaimReleased"
            self.diary.released.add(reference)

    async def claim_at_lancero(self) -> None:
        email = f"l{next(self.numbers)}@example.com"
        headers = {"Authorization": f"Bearer {self.key}"}
        answer = await self.send_until_answered(
            lambda client: client.post("/codes/claim", json={"code": "lancero", "email": email}, headers=headers)
        )
        assert answer.status_code in (200, 409), answer.text  # the second where the first answer did not arrive
        self.diary.lancero.add(email)

    async def check(self) -> None:
        query = "query ($input: CheckCodeInput!) { checkCode(input: $input) { isClaimable } }"
        body = {"query": query, "variables": {"input": {"text": "hot"}}}
        answer = await self.send_until_answered(lambda client: GraphQLClient(client, self.key).post(body))
        assert "errors" not in answer.json()

    async def generate(self) -> None:
        key, amount = f"K-{next(self.numbers)}", self.random.randint(1, 4)
        result = await self.mutate(
            "generateCodes", "... on CodesGenerated { codes { text } }", {"amount": amount, "idempotencyKey": key}
        )
        texts = {code["text"] for code in result["codes"]}
        assert len(texts) == amount
        self.diary.generated[key] |= texts
        self.can_be_deleted += texts

    async def issue(self) -> None:
        key = f"K-{next(self.numbers)}"
        issue_input = {"promotion": {"reference": "issued"}, "customer": {"email": f"{key}@example.com"}}
        result = await self.mutate(
            "issueCode", "... on CodeChanged { code { text } }", {**issue_input, "idempotencyKey": key}
        )
        self.diary.generated[key].add(result["code"]["text"])

    async def delete(self) -> None:
        if self.can_be_deleted:
            text = self.can_be_deleted.pop(0)
            result = await self.mutate("deleteCode", "", {"text": text})
            assert result["__typename"] in ("CodeDeleted", "UnknownCode")  # the second where it was asked twice
            self.diary.deleted.add(text)

    async def update(self) -> None:
        name = f"Hot {next(self.numbers)}"
        result = await self.mutate("updatePromotion", "", {"promotion": {"reference": "hot"}, "name": name})
        assert result["__typename"] == "PromotionChanged"

    async def send(self) -> None:
        email = f"s{next(self.numbers)}@example.com"
        result = await self.mutate(
            "sendCode", "... on CodeSent { received }", {"text": "lancero", "recipients": [{"email": email}]}
        )
        assert result["received"] == 1
        self.diary.sent.add(("LANCERO", email))


def prepare(address: str, key: str) -> None:
    """Make the promotions."""

    async def make() -> None:
        async with httpx.AsyncClient(base_url=address, timeout=30, verify=False) as client:  # noqa: S501
            for fields in PROMOTIONS:
                result = await GraphQLClient(client, key).mutate(
                    "createPromotion", "", {"name": fields["reference"], **fields}
                )
                assert result["__typename"] == "PromotionChanged", result

    asyncio.run(make())


def check(installation: Installation, address: str, diary: Diary, key: str) -> None:
    """No answer is lost, none is doubled, no limit is passed, and every counter equals its claims."""
    assert "equals" in installation.run("verify")
    rows = list(csv.DictReader(io.StringIO(installation.run("export", "claims", "--organization", "n"))))
    ordered = [row for row in rows if row["order_reference"]]
    assert [ids for ids in diary.claims.values() if len(ids) != 1] == []
    assert Counter(row["order_reference"] for row in ordered) == Counter(diary.claims.keys())
    assert diary.refused.isdisjoint(diary.claims)
    assert {row["order_reference"] for row in ordered if row["status"] == "RELEASED"} == diary.released
    at_lancero = [row["customer_email"] for row in rows if not row["order_reference"]]
    assert sorted(at_lancero) == sorted(diary.lancero)

    standing = [row for row in ordered if row["status"] == "CLAIMED"]
    of_code = Counter(row["code"] for row in standing)
    assert of_code["HOT"] == PLACES["HOT"]
    assert of_code["GIVE"] <= PLACES["GIVE"]
    assert [text for text, count in of_code.items() if text.startswith("FEW") and count > 1] == []
    of_buyer = Counter(row["customer_email"] for row in standing if row["code"] == "PERSON")
    assert max(of_buyer.values()) <= PER_CUSTOMER

    codes = [
        row["text"] for row in csv.DictReader(io.StringIO(installation.run("export", "codes", "--organization", "n")))
    ]
    from_promotions = {text for promotion in PROMOTIONS for text in promotion.get("codes", ())}
    generated = [text for texts in diary.generated.values() for text in texts]
    assert Counter(codes) == Counter((set(generated) - diary.deleted) | from_promotions)
    assert len(generated) == len(set(generated))
    assert deliveries(address, key) == len(diary.sent)


def deliveries(address: str, key: str) -> int:
    """How many letters there are."""
    query = {"query": "{ deliveries(first: 1) { totalCount } }"}
    with httpx.Client(base_url=address, timeout=60, verify=False) as client:  # noqa: S501
        body = client.post("/graphql", json=query, headers={"Authorization": f"Bearer {key}"}).json()
    return int(body["data"]["deliveries"]["totalCount"])
