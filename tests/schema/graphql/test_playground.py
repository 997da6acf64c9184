"""The playground in a real Chromium, against the real service."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from graphql import OperationDefinitionNode, parse, validate
from playwright.async_api import BrowserContext, Locator, Page, async_playwright, expect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from db.models import Organization
from schema import app as http_app
from schema.context import Services
from schema.graphql import playground
from schema.graphql.app import schema
from schema.graphql.playground.examples import EXAMPLES, Example
from tests import make, packages
from tests.conftest import serving

TABS = ["MakePromotionWithCodes", "ClaimCode", "Usage"]

# Milliseconds: GraphiQL stores what was edited half a second late.
STORED_LATE = 700

# No sandbox: CI runs as root. No name resolves: a page that needs another host shows it.
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; a machine without one skips the tests that open the page."""
    return packages.program("chromium", "chromium", "chromium-browser", "google-chrome")


def operations(query: str) -> list[str | None]:
    """The names of a document's operations."""
    nodes = [node for node in parse(query).definitions if isinstance(node, OperationDefinitionNode)]
    return [node.name.value if node.name else None for node in nodes]


# ---------------------------------------------------------------- the server


@dataclass
class ReceivedRequest:
    """One request as it came in at the server."""

    method: str
    target: str
    authorization: str | None
    body: bytes

    @property
    def operation(self) -> str | None:
        """The operation's name; None where the request is unauthenticated, since then the body is not read."""
        return operations(json.loads(self.body)["query"])[0] if self.body else None


@dataclass
class RecordingApp:
    """An ASGI application that records the requests to another one."""

    app: ASGIApp
    address: str = ""
    received: list[ReceivedRequest] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = bytearray()

        async def receive_body() -> Message:
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def send_response(message: Message) -> None:
            if message["type"] == "http.response.start":  # recorded before the browser can have the response
                target = f"{scope['raw_path'].decode()}?{scope['query_string'].decode()}"
                authorization = dict(scope["headers"]).get(b"authorization", b"").decode() or None
                self.received.append(ReceivedRequest(scope["method"], target, authorization, bytes(body)))
            await send(message)

        await self.app(scope, receive_body, send_response)

    def authorizations(self, operation: str) -> list[str | None]:
        return [request.authorization for request in self.received if request.operation == operation]


@pytest_asyncio.fixture
async def server(store: str, services: Services) -> AsyncIterator[RecordingApp]:
    recording = RecordingApp(http_app.create_app(services))
    async with serving(recording) as address:
        recording.address = f"{address}/graphql"
        yield recording


@pytest_asyncio.fixture
async def key(organization: Organization) -> str:
    return await make.key(organization)


# ---------------------------------------------------------------- the browser


@dataclass
class Visit:
    """A browser tab on the playground, with the addresses it requested and the messages of its console."""

    page: Page
    requested: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)

    async def to(self, address: str) -> None:
        self.page.on("request", lambda request: self.requested.append(request.url))
        self.page.on("console", lambda message: self.messages.append(f"{message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: self.messages.append(str(error)))
        await self.page.goto(address)

    async def tabs(self) -> list[str]:
        await expect(self.page.get_by_role("tab").first).to_be_visible()
        return await self.page.get_by_role("tab").all_inner_texts()

    def headers_editor(self) -> Locator:
        return self.page.get_by_label("Headers").locator(".graphiql-editor:not(.hidden) .CodeMirror")

    async def headers(self) -> object:
        """What the headers editor shows."""
        return json.loads(await self.headers_editor().evaluate("element => element.CodeMirror.getValue()"))

    async def type_headers(self, headers: dict[str, str]) -> None:
        """Write into the headers editor of the tab "Usage", and wait until GraphiQL took note."""
        await self.page.get_by_role("tab", name="Usage").click()
        await self.headers_editor().evaluate(
            "(element, text) => element.CodeMirror.setValue(text)", json.dumps(headers)
        )
        await self.page.wait_for_timeout(STORED_LATE)

    async def run(self, tab: str) -> None:
        """Open a tab, press the button, wait for the answer: not for that to introspection, which may come later."""
        await self.page.get_by_role("tab", name=tab).click()
        async with self.page.expect_response(lambda response: tab in (response.request.post_data or "")):
            await self.page.get_by_role("button", name="Execute query").click()


@pytest_asyncio.fixture
async def browser(chromium: str) -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield await launched.new_context(viewport={"width": 1280, "height": 800})
        await launched.close()


async def visit(browser: BrowserContext, address: str) -> Visit:
    tab = Visit(await browser.new_page())
    await tab.to(address)
    return tab


async def test_the_key_reaches_the_server_in_one_header_only(
    browser: BrowserContext, server: RecordingApp, key: str
) -> None:
    """The key of the address goes out as each tab's Authorization, and in no path and no body."""
    at = await visit(browser, f"{server.address}#key={key}")
    assert await at.tabs() == TABS
    for tab in TABS:
        await at.run(tab)
        assert await at.headers() == {"Authorization": f"Bearer {key}"}
    assert [server.authorizations(tab) for tab in TABS] == [[f"Bearer {key}"]] * 3
    assert at.page.url == server.address
    assert all(key not in request.target and key.encode() not in request.body for request in server.received)


async def test_no_key_outlives_the_browser_tab(browser: BrowserContext, server: RecordingApp, key: str) -> None:
    """A key typed by hand is used and not stored: GraphiQL's tabs and history are kept without headers."""
    at = await visit(browser, server.address)
    await at.type_headers({"Authorization": f"Bearer {key}"})
    await at.run("Usage")
    assert server.authorizations("Usage") == [f"Bearer {key}"]
    await at.page.wait_for_timeout(STORED_LATE)
    stored = await at.page.evaluate("JSON.stringify(localStorage)")
    assert "usageStats" in stored
    assert key not in stored


async def test_each_tab_runs_as_it_is_and_again(browser: BrowserContext, server: RecordingApp, key: str) -> None:
    """Promotion and codes, a claim, usage: each answers as it should, and once more without a fault."""
    at = await visit(browser, f"{server.address}#key={key}")
    shown = {
        "MakePromotionWithCodes": ["PromotionChanged", "ReferenceTaken"],
        "ClaimCode": ['"replayed": false', '"replayed": true'],
        "Usage": ['"claims": "1"', '"claims": "1"'],
    }
    for tab, answers in shown.items():
        for answer in answers:
            await at.run(tab)
            await expect(at.page.get_by_label("Result Window")).to_contain_text(answer)
    assert server.authorizations("IntrospectionQuery") == [f"Bearer {key}"]


async def test_no_request_leaves_the_host(browser: BrowserContext, server: RecordingApp, key: str) -> None:
    """Every byte comes from this server, and the browser complains of nothing."""
    at = await visit(browser, f"{server.address}#key={key}")
    await at.run("Usage")
    assert [url for url in at.requested if not url.startswith(server.address)] == []
    assert at.messages == []
    assert len([request for request in server.received if request.target.startswith("/graphql/assets/")]) == 5


async def test_a_reload_keeps_the_key_and_another_tab_does_not(
    browser: BrowserContext, server: RecordingApp, key: str
) -> None:
    """The key is the browser tab's: it outlives a reload there, and a new tab shows that it has none."""
    at = await visit(browser, f"{server.address}#key={key}")
    await at.run("Usage")
    await at.page.reload()
    await at.run("ClaimCode")
    assert await at.headers() == {"Authorization": f"Bearer {key}"}
    assert server.authorizations("ClaimCode") == [f"Bearer {key}"]
    await expect(at.page.locator("#hint")).to_be_hidden()
    other = await visit(browser, server.address)
    await other.run("ClaimCode")
    assert await other.headers() == {"Authorization": "Bearer "}
    assert server.received[-1].authorization is None
    assert server.authorizations("ClaimCode") == [f"Bearer {key}"]
    await expect(other.page.locator("#hint")).to_be_visible()


async def test_a_key_in_the_address_replaces_an_earlier_one(
    browser: BrowserContext, server: RecordingApp, key: str, organization: Organization
) -> None:
    """The new key is in all tabs, the examples are back, and the visitor's own tab is kept behind them."""
    old = await make.key(organization)
    at = await visit(browser, f"{server.address}#key={old}")
    await at.run("Usage")
    await at.page.locator(".graphiql-tab-active").get_by_label("Close Tab").click()
    await at.page.get_by_label("New tab").click()
    editor = at.page.get_by_label("Query Editor").locator(".CodeMirror")
    await editor.evaluate("element => element.CodeMirror.setValue('query Mine { __typename }')")
    await expect(at.page.get_by_role("tab", name="Mine")).to_be_visible()
    await at.page.wait_for_timeout(STORED_LATE)
    await at.page.evaluate(f"location.hash = 'key={key}'")
    await expect(at.page.get_by_role("tab")).to_have_count(4)
    assert await at.tabs() == [*TABS, "Mine"]
    for tab in [*TABS, "Mine"]:
        await at.run(tab)
        assert server.authorizations(tab)[-1] == f"Bearer {key}"
    assert at.page.url == server.address


async def test_without_its_files_the_page_shows_what_is_missing(
    browser: BrowserContext, server: RecordingApp, key: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What npm could not fetch is named in plain words, with a call that works; the page is never blank."""
    for name in ("graphiql.css", "graphiql.js", "react.js", "react-dom.js"):
        monkeypatch.setitem(playground.ASSETS, name, tmp_path / name)
    at = await visit(browser, f"{server.address}#key={key}")
    await expect(at.page.get_by_text("make install")).to_be_visible()
    await expect(at.page.get_by_text(f"curl {server.address}")).to_be_visible()
    assert at.page.url == server.address


# ---------------------------------------------------------------- without a browser


async def test_assets_are_kept_for_good_under_their_version(served: httpx.AsyncClient) -> None:
    """A listed file may be kept for good, as its address changes with it; nothing else is handed out."""
    script = await served.get(f"/graphql/assets/playground.js?v={playground.version()}")
    assert script.status_code == 200
    assert script.headers["content-type"] == "text/javascript; charset=utf-8"
    assert script.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert f"graphql/assets/playground.js?v={playground.version()}" in playground.page()
    for name in ("package.json", "__init__.py", "..%2f__init__.py"):
        assert (await served.get(f"/graphql/assets/{name}")).status_code == 404


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples_fit_the_schema(example: Example) -> None:
    """Each example is a valid document of one operation, whose name is on the tab."""
    assert validate(schema._schema, parse(example.query)) == []
    assert operations(example.query) == [example.name]
