"""A10, A12: long lists are written in pieces, few at once, and a part never looks like the whole."""

import asyncio
import csv
import io
from typing import Any

import httpx
import pytest
import pytest_asyncio

from db.enums import KeyKind
from db.models import Organization
from db.queries import claims as claim_rows
from db.queries import codes as code_rows
from db.queries import customers as customer_rows
from resolvers.domain import params
from resolvers.find import nodes
from schema import streams
from schema.context import Services
from schema.vendors import kit
from tests import make

pytestmark = pytest.mark.both_databases

ROWS = 25


@pytest_asyncio.fixture
async def shop(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Headers of somebody with 25 promos, leads, and uses of one promo, of whom 4 are read at a time."""
    monkeypatch.setattr(nodes, "PAGE_SIZE", 4)
    monkeypatch.setattr(kit, "MAX_BUFFERED_BYTES", 200)
    await make.promotion(organization, "HOT", limits=params.Limits(per_code=None))
    for number in range(ROWS - 1):
        await make.promotion(organization, f"PROMO-{number}")
    for number in range(ROWS):
        await make.claimed(organization, "HOT", f"ada{number}@example.com")
    key = await make.key(organization, KeyKind.ACCOUNT)
    return {"Authorization": f"Bearer {key}", "X-Api-User-Id": str((await organization.account).number)}


def paths(organization: Organization) -> dict[str, Any]:
    """Each long list, and what is read of its answer."""
    return {
        f"/v1/promo?site_id={organization.number}": lambda answer: [one["code"] for one in answer],
        "/v1/promo/2/statistics": lambda answer: [one["id"] for one in answer],
        "/leads": lambda answer: [one["email"] for one in answer["data"]],
        "/customers": lambda answer: [one["email"] for one in answer["customer"]],
    }


@pytest.mark.long
@pytest.mark.case("A12")
async def test_a_list_is_the_same_in_pieces(
    served: httpx.AsyncClient, shop: dict[str, str], organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each vendor's list in pieces is, letter for letter, the one that is answered at once."""
    for path, read in paths(organization).items():
        in_pieces = await served.get(path, headers=shop)
        assert "content-length" not in in_pieces.headers, path
        monkeypatch.setattr(kit, "MAX_BUFFERED_BYTES", 2**20)
        at_once = await served.get(path, headers=shop)
        monkeypatch.setattr(kit, "MAX_BUFFERED_BYTES", 200)
        assert "content-length" in at_once.headers, path
        assert in_pieces.text == at_once.text
        assert len(set(read(in_pieces.json()))) == ROWS, path


@pytest.mark.case("A12")
async def test_leads_and_uses_have_their_order(
    served: httpx.AsyncClient, shop: dict[str, str], organization: Organization
) -> None:
    """Leads in the order they became known, uses the newest first, also where many share an instant."""
    leads = (await served.get("/leads", headers=shop)).json()["data"]
    assert [lead["email"] for lead in leads] == [f"ada{number}@example.com" for number in range(ROWS)]
    uses = [use["id"] for use in (await served.get("/v1/promo/2/statistics", headers=shop)).json()]
    assert uses == sorted(uses, reverse=True)


@pytest.mark.long
@pytest.mark.case("A12")
async def test_few_rows_are_in_memory(
    served: httpx.AsyncClient, shop: dict[str, str], organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No question is for more rows than a piece has."""
    sizes: list[int] = []

    def counted(real: Any) -> Any:
        async def ask(*args: Any) -> Any:
            result = await real(*args)
            sizes.append(len(result[0]) if isinstance(result, tuple) else len(result))
            return result

        return ask

    for noun, question in (
        (claim_rows, "standing_of_promotion"),
        (customer_rows, "page_of_joined"),
        (code_rows, "page_of_singles"),
    ):
        monkeypatch.setattr(noun, question, counted(getattr(noun, question)))
    for path in paths(organization):
        await served.get(path, headers=shop)
    assert max(sizes) == 4
    assert len(sizes) >= 3 * ROWS // 4


@pytest.mark.case("A12")
async def test_a_list_that_breaks_off_does_not_look_whole(
    served: httpx.AsyncClient, shop: dict[str, str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the database goes in the middle, the connection ends without the answer's end; the log has it once."""
    real = customer_rows.page_of_joined

    async def joined(organization_id: int, after: Any, size: int) -> Any:
        page = await real(organization_id, after, size)
        if page and page[-1].email == "ada19@example.com":
            raise ConnectionError("the database has gone")
        return page

    monkeypatch.setattr(customer_rows, "page_of_joined", joined)
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete"):
        await served.get("/leads", headers=shop)
    assert len([record for record in caplog.records if record.name == "tessera"]) == 1
    assert (await served.get("/healthz")).status_code == 200


@pytest.mark.case("A12")
async def test_a_list_that_breaks_at_once_is_a_no(
    served: httpx.AsyncClient, shop: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As long as nothing was sent, the error is in the vendor's format."""

    async def joined(organization_id: int, after: Any, size: int) -> Any:
        raise ConnectionError("the database has gone")

    monkeypatch.setattr(customer_rows, "page_of_joined", joined)
    assert (await served.get("/leads", headers=shop)).status_code == 503


# ------------------------------------------------------------------ how many


@pytest.mark.long
@pytest.mark.case("A10")
async def test_few_are_written_at_once(
    served: httpx.AsyncClient,
    shop: dict[str, str],
    organization: Organization,
    services: Services,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The others wait a little, and are 429 with Retry-After; a claim and /healthz are answered meanwhile."""
    monkeypatch.setattr(streams, "WAIT_SECONDS", 0.05)
    for _ in range(streams.MAX_STREAMS_PER_ORGANIZATION):
        await services.streams.acquire(organization.id)
    for path in (*paths_of_vendors(), "/export/claims.csv", "/export/codes.csv"):
        refused = await served.get(path, headers=shop)
        assert (refused.status_code, int(refused.headers["retry-after"]) > 0) == (429, True), path
    claimed = await served.post("/codes/claim", headers=shop, json={"code": "HOT", "email": "ben@example.com"})
    assert claimed.status_code == 200
    assert (await served.get("/healthz")).status_code == 200
    for _ in range(streams.MAX_STREAMS_PER_ORGANIZATION):
        await services.streams.release(organization.id)
    monkeypatch.setattr(streams, "WAIT_SECONDS", 10)
    whole = await asyncio.gather(*(served.get("/export/codes.csv", headers=shop) for _ in range(10)))
    assert {answer.status_code for answer in whole} == {200}
    assert all(len(list(csv.reader(io.StringIO(answer.text)))) == ROWS + 1 for answer in whole)
    assert services.streams._open.total() == 0
    assert (await served.get("/leads", headers=shop)).status_code == 200


def paths_of_vendors() -> list[str]:
    return ["/leads", "/v1/promo/2/statistics"]


@pytest.mark.case("A10")
async def test_one_organization_leaves_room_for_others() -> None:
    """Of all there may be, one has some, and whoever waits is let in when one ends."""
    open = streams.Streams()
    for _ in range(streams.MAX_STREAMS_PER_ORGANIZATION):
        await open.acquire(1)
    waiting = asyncio.create_task(open.acquire(1))
    for number in range(streams.MAX_STREAMS - streams.MAX_STREAMS_PER_ORGANIZATION):
        await open.acquire(2 + number // streams.MAX_STREAMS_PER_ORGANIZATION)
    assert not waiting.done()
    await open.release(1)
    await waiting
    assert open._open.total() == streams.MAX_STREAMS


@pytest.mark.case("A10")
@pytest.mark.case("W13")
async def test_a_stream_ends_with_its_reader(
    served: httpx.AsyncClient, shop: dict[str, str], services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    """Who goes away in the middle of an answer leaves nothing behind, neither work nor a fault in the log."""
    async with services.streams.piece_lock:
        async with served.stream("GET", "/export/codes.csv", headers=shop) as answer:
            assert answer.status_code == 200
        assert services.streams._open.total() == 1
    async with asyncio.timeout(10):
        while services.streams._open.total():
            await asyncio.sleep(0)
    assert caplog.records == []


async def test_a_download_is_written_in_small_steps(
    served: httpx.AsyncClient, shop: dict[str, str], services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its pieces others have their turn: each is made under the lock of all steps, which is given back."""
    steps = 0
    acquire = services.streams.piece_lock.acquire

    async def counted() -> Any:
        nonlocal steps
        steps += 1
        return await acquire()

    monkeypatch.setattr(services.streams.piece_lock, "acquire", counted)
    assert (await served.get("/leads", headers=shop)).status_code == 200
    assert steps >= ROWS // 4
