"""More codes than one call makes: the response has a job, whose progress can be queried."""

from datetime import timedelta

import pytest

from db.enums import KeyKind
from db.models import Code, Job, Organization
from resolvers import generate, jobs
from tests import make
from tests.conftest import Clock
from tests.graphql_client import GraphQLClient, Json

JOB = "id status total done error createdAt finishedAt"
GENERATED = f"... on CodesGenerated {{ count replayed dryRun codes {{ text }} job {{ {JOB} }} }}"


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs begin at eleven codes."""
    monkeypatch.setattr(generate, "MAX_CODES_WITHOUT_JOB", 10)


async def job_by_id(secret: GraphQLClient, id: str) -> Json:
    """The job with an id, as `node` returns it."""
    document = f"query Job($id: ID!) {{ node(id: $id) {{ ... on Job {{ {JOB} }} }} }}"
    return dict((await secret.ask(document, id=id))["node"])


async def test_many_codes_are_a_job(secret: GraphQLClient, clock: Clock) -> None:
    """The response comes at once, with the id by which `node` finds the job, before and after it is done."""
    generated = await secret.mutate("generateCodes", GENERATED, {"amount": 11})
    job = generated.pop("job")
    assert generated == {"__typename": "CodesGenerated", "count": 11, "replayed": False, "dryRun": False, "codes": []}
    running = {"status": "RUNNING", "total": 11, "done": 0, "error": None, "finishedAt": None}
    assert job == {"id": job["id"], "createdAt": "2026-11-22T12:00:00Z", **running}
    assert await job_by_id(secret, job["id"]) == job
    clock.advance(minutes=1)
    await jobs.process("one", clock)
    done = {**job, "status": "DONE", "done": 11, "finishedAt": "2026-11-22T12:01:00Z"}
    assert await job_by_id(secret, job["id"]) == done
    assert (await secret.ask(f"{{ jobs {{ totalCount nodes {{ {JOB} }} }} }}"))["jobs"] == {
        "totalCount": 1,
        "nodes": [done],
    }
    assert (await secret.ask("{ codes(filter: { status: [CLAIMABLE] }) { totalCount } }"))["codes"]["totalCount"] == 11


async def test_a_key_gives_back_the_job(secret: GraphQLClient, clock: Clock) -> None:
    """The same call again returns the same job in its present state."""
    input = {"amount": 11, "idempotencyKey": "K"}
    first = await secret.mutate("generateCodes", GENERATED, input)
    await jobs.process("one", clock)
    again = await secret.mutate("generateCodes", GENERATED, input)
    assert (again["replayed"], again["count"], again["job"]["id"]) == (True, 11, first["job"]["id"])
    assert (again["job"]["status"], await Job.all().count(), await Code.all().count()) == ("DONE", 1, 11)


async def test_a_job_is_nobody_elses(secret: GraphQLClient, public: GraphQLClient, organization: Organization) -> None:
    """Another organization finds no such job, and a public key asks for none."""
    generated = await secret.mutate("generateCodes", GENERATED, {"amount": 11})
    other = await make.organization("other", account=2)
    stranger = GraphQLClient(secret.client, await make.key(other, KeyKind.SECRET))
    assert (await stranger.ask("query Job($id: ID!) { node(id: $id) { id } }", id=generated["job"]["id"]))[
        "node"
    ] is None
    assert (await stranger.ask("{ jobs { totalCount } }"))["jobs"]["totalCount"] == 0
    assert "errors" in await public.execute("{ jobs { totalCount } }")


async def test_jobs_come_a_page_at_a_time(secret: GraphQLClient, clock: Clock) -> None:
    """Oldest first, as everything."""
    ids = []
    for _ in range(3):
        ids.append((await secret.mutate("generateCodes", GENERATED, {"amount": 11}))["job"]["id"])
        clock.now += timedelta(seconds=1)
    page = (await secret.ask("{ jobs(first: 2) { nodes { id } pageInfo { endCursor hasNextPage } } }"))["jobs"]
    assert ([node["id"] for node in page["nodes"]], page["pageInfo"]["hasNextPage"]) == (ids[:2], True)
    document = "query Rest($after: String) { jobs(after: $after) { nodes { id } } }"
    rest = (await secret.ask(document, after=page["pageInfo"]["endCursor"]))["jobs"]
    assert [node["id"] for node in rest["nodes"]] == ids[2:]
