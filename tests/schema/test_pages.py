"""The code's page: over HTTP as any browser gets it, and in a real Chromium of a phone's width."""

import re
from collections.abc import AsyncIterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from html import unescape
from typing import Any

import httpx
import pytest
import pytest_asyncio
import segno
from playwright.async_api import BrowserContext, async_playwright

import schema.pages
from db.enums import DiscountKind
from db.models import Code, Organization, Promotion
from resolvers import create, find, generate, signed_links, update
from resolvers.domain import params
from resolvers.domain.code_format import Format
from resolvers.domain.money import Money
from schema.pages import describe
from tests import make, packages
from tests.conftest import Clock
from tests.graphql_client import GraphQLClient
from tests.make import NOW

DAY = timedelta(days=1)
XSS = "<script>alert('x')</script> & \"more\""


async def at(organization: Organization, text: str = "HELLO-15") -> str:
    """The path of a code's page."""
    return f"/c/{signed_links.code_token(organization, (await find.code(organization.id, text)).id)}"


async def seen(client: httpx.AsyncClient, path: str, status: int = 200) -> list[str]:
    """What a page says to whoever reads it, line by line, once its headers are as they must be."""
    response = await client.get(path)
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "text/html; charset=utf-8"
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["x-robots-tag"] == "noindex"
    assert response.headers["referrer-policy"] == "no-referrer"
    policy = response.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert "<script" not in response.text
    assert re.findall(r"(?:src|href|url)[=(].*", response.text) == ['href="data:,">']
    _, body = response.text.split("<main>")
    lines = [unescape(line).strip() for line in re.sub(r"<[^>]*>", "\n", body).splitlines()]
    return [line for line in lines if line]


# ------------------------------------------------------------------ what it says


async def test_the_page_that_graphql_names_shows_the_code(secret: GraphQLClient, organization: Organization) -> None:
    """`Code.url` leads to the organization, the promotion, what it gives, the code, and how it stands."""
    await make.code(organization)
    url = (await secret.ask('{ code(text: "HELLO-15") { url } }'))["code"]["url"]
    host = "https://codes.example"
    assert url.startswith(f"{host}/c/")
    assert await seen(secret.client, url.removeprefix(host)) == [
        "demo",
        "Spring sale",
        "15 % off",
        "Your code",
        "HELLO-15",
        "Ready to use",
        "Show it, or type it in when you order.",
        "It has no end date.",
    ]


async def test_the_qr_holds_the_text_as_issued(served: httpx.AsyncClient, organization: Organization) -> None:
    """The squares on the page are those of the code's own text."""
    await make.code(organization, "Grüße–15")
    page = (await served.get(await at(organization, "Grüße–15"))).text
    [drawn] = re.findall(r"<svg.*?</svg>", page)
    assert drawn == segno.make_qr("Grüße–15", error="m").svg_inline(border=4, dark="#000", light="#fff", omitsize=True)
    assert drawn != str(schema.pages.qr("Grüße–16"))


async def activated(organization: Organization, days: int | None) -> str:
    limits = params.Limits(code_lifetime_days=days)
    await make.promotion(organization, reference="asleep", limits=limits)
    ref, options = params.PromotionRef(reference="asleep"), generate.CodeOptions(activated=False)
    return (await generate.codes(organization, ref, 1, Format(), options, False, None, NOW)).codes[0].text


STATES = [
    (
        "scheduled by the promotion",
        {"window": params.Window(starts_on=date(2026, 12, 1), ends_on=date(2026, 12, 24))},
        ["Not yet", "Keep it: it can be used from Tuesday 1 December 2026."],
        ["Valid until the end of Thursday 24 December 2026."],
    ),
    (
        "ready, until a moment",
        {"window": params.Window(ends_at=NOW + DAY)},
        ["Ready to use", "Show it, or type it in when you order."],
        ["Valid until Monday 23 November 2026, 13:00 (Europe/Amsterdam)."],
    ),
    (
        "ended with a day",
        {"window": params.Window(ends_on=date(2026, 11, 21))},
        ["It has ended", "This code could be used until the end of Saturday 21 November 2026."],
        [],
    ),
    (
        "ended this moment",
        {"window": params.Window(ends_at=NOW)},
        ["It has ended", "This code could be used until Sunday 22 November 2026, 13:00 (Europe/Amsterdam)."],
        [],
    ),
    (
        "switched off",
        {"is_enabled": False},
        ["Switched off", "This code can't be used now. Whoever gave it to you can tell you more."],
        [],
    ),
]


@pytest.mark.parametrize(("options", "state", "validity"), [row[1:] for row in STATES], ids=[row[0] for row in STATES])
async def test_every_state_has_its_sentence(
    served: httpx.AsyncClient,
    organization: Organization,
    options: dict[str, Any],
    state: list[str],
    validity: list[str],
) -> None:
    """How the code stands is told in a heading and a sentence, with days and times of the organization's zone."""
    await make.promotion(organization, "HELLO-15", **options)
    lines = await seen(served, await at(organization))
    assert lines[lines.index("HELLO-15") + 1 :] == state + validity


async def test_a_used_up_code_is_shown_as_such(served: httpx.AsyncClient, organization: Organization) -> None:
    """A code that was claimed as often as it may be is used up, and so is one whose promotion is spent."""
    await make.code(organization)
    await make.claimed(organization)
    used_up = ["Used up", "This code has been used as often as it could be."]
    assert (await seen(served, await at(organization)))[-2:] == used_up
    await make.promotion(organization, "ONE", "TWO", limits=params.Limits(per_promotion=1))
    await make.claimed(organization, "ONE")
    assert (await seen(served, await at(organization, "TWO")))[-2:] == used_up


async def test_a_code_waits_for_its_activation(
    served: httpx.AsyncClient, organization: Organization, clock: Clock
) -> None:
    """A code that was made non-activated says so, names nobody once it is, and ends with its lifetime."""
    text = await activated(organization, days=91)
    path = await at(organization, text)
    waiting = ["Not activated yet", "It can be used as soon as it has been activated.", "It has no end date."]
    assert (await seen(served, path))[-3:] == waiting
    await Code.filter(text=text).update(activated_at=NOW, ends_at=NOW + 91 * DAY)
    ready = ["Ready to use", "Show it, or type it in when you order."]
    assert (await seen(served, path))[-3:] == [*ready, "Valid until Sunday 21 February 2027, 13:00 (Europe/Amsterdam)."]
    clock.advance(days=91)
    assert "It has ended" in await seen(served, path)


async def test_the_earlier_end_and_the_later_start_count(served: httpx.AsyncClient, organization: Organization) -> None:
    """Code and promotion both have a window; the page tells of the time that is in both."""
    window = params.Window(starts_on=date(2026, 12, 1), ends_on=date(2026, 12, 24))
    await make.promotion(organization, "HELLO-15", window=window)
    own = params.Window(starts_on=date(2026, 11, 1), ends_on=date(2026, 12, 5))
    await update.code(organization, "HELLO-15", update.CodeChange(window=own), NOW)
    lines = await seen(served, await at(organization))
    assert "Keep it: it can be used from Tuesday 1 December 2026." in lines
    assert "Valid until the end of Saturday 5 December 2026." in lines


async def test_linked_locations_are_shown(served: httpx.AsyncClient, organization: Organization) -> None:
    """A promotion that holds at some locations only says at which."""
    for number, name in ((1, "Dam 1"), (2, "Spui <2>"), (3, "Elsewhere")):
        await create.location(organization, number, name, False, NOW)
    await make.promotion(organization, "HELLO-15", location_numbers=(2, 1))
    assert (await seen(served, await at(organization)))[-1] == "Where: Dam 1, Spui <2>"


def off(kind: DiscountKind, value: str | None, **more: Any) -> params.Discount:
    return params.Discount(kind=kind, value=None if value is None else Decimal(value), **more)


def eur(amount: str) -> Money:
    return Money(Decimal(amount), "EUR")


@pytest.mark.parametrize(
    ("discount", "sentence"),
    [
        (off(DiscountKind.PERCENTAGE, "15"), "15 % off"),
        (off(DiscountKind.PERCENTAGE, "12.5"), "12.5 % off"),
        (
            off(DiscountKind.PERCENTAGE, "100", minimum_order=eur("20"), maximum_discount=eur("1234.5")),
            "100 % off orders from EUR 20.00, at most EUR 1,234.50",
        ),
        (off(DiscountKind.FIXED_AMOUNT, "5"), "EUR 5.00 off"),
        (off(DiscountKind.FIXED_AMOUNT, "500", currency="JPY"), "JPY 500 off"),
        (off(DiscountKind.FIXED_AMOUNT, "5", minimum_order=eur("20")), "EUR 5.00 off orders from EUR 20.00"),
        (off(DiscountKind.FREE_SHIPPING, None), "Free shipping"),
        (off(DiscountKind.FREE_SHIPPING, None, minimum_order=eur("20")), "Free shipping for orders from EUR 20.00"),
        (off(DiscountKind.NONE, None, minimum_order=eur("20")), "For orders from EUR 20.00"),
        (off(DiscountKind.NONE, None), None),
    ],
)
async def test_discounts_have_a_sentence(
    served: httpx.AsyncClient, organization: Organization, discount: params.Discount, sentence: str | None
) -> None:
    """The discount, from which order on, and at most how much."""
    await make.promotion(organization, "HELLO-15", discount=discount)
    lines = await seen(served, await at(organization))
    assert lines[2 : lines.index("Your code")] == ([sentence] if sentence else [])


@pytest.mark.parametrize(
    ("zone", "instant", "start", "end"),
    [
        ("UTC", "2026-12-25T00:00+00:00", "Friday 25 December 2026", "until the end of Thursday 24 December 2026"),
        (
            "America/New_York",
            "2026-12-25T00:00+00:00",
            "Thursday 24 December 2026, 19:00 (America/New York)",
            "until Thursday 24 December 2026, 19:00 (America/New York)",
        ),
        # In Cairo the last Friday of April began at 01:00.
        (
            "Africa/Cairo",
            "2024-04-25T22:00+00:00",
            "Friday 26 April 2024",
            "until the end of Thursday 25 April 2024",
        ),
    ],
)
def test_days_are_those_of_the_zone(zone: str, instant: str, start: str, end: str) -> None:
    """A bound that is a day's beginning is told as a day, any other with its time and zone."""
    assert describe.since(datetime.fromisoformat(instant), zone) == start
    assert describe.until(datetime.fromisoformat(instant), zone) == end


async def test_what_people_write_stays_text(served: httpx.AsyncClient, organization: Organization) -> None:
    """Markup in the names of promotion, organization, place and code is shown as it was written, and does nothing."""
    await Organization.filter(id=organization.id).update(name=XSS)
    await create.location(organization, 1, XSS, False, NOW)
    await make.promotion(organization, XSS, name=XSS, location_numbers=(1,))
    lines = await seen(served, await at(organization, XSS))  # which looks for script elements
    assert lines[:2] == [XSS, XSS]
    assert XSS in lines[2:]
    assert lines[-1] == f"Where: {XSS}"


# ------------------------------------------------------------------ its address


async def test_an_address_is_one_codes_and_stays(served: httpx.AsyncClient, organization: Organization) -> None:
    """Every code has another address, which is not made of its text: renamed, the code keeps it."""
    await make.promotion(organization, "ONE", "TWO")
    one, two = await at(organization, "ONE"), await at(organization, "TWO")
    assert one != two
    await update.code(organization, "ONE", update.CodeChange(new_text="THREE"), NOW)
    assert await at(organization, "THREE") == one
    assert "THREE" in await seen(served, one)
    await update.code(organization, "TWO", update.CodeChange(new_text="ONE"), NOW)
    assert await at(organization, "ONE") == two


async def test_nobody_makes_an_address_without_the_secret(organization: Organization) -> None:
    """Of the same ids and text, another secret makes another seal: 96 bits that nobody can guess."""
    other = await Organization.get(id=organization.id)
    other.page_secret = "0" * 64
    assert signed_links.code_token(other, 1) != signed_links.code_token(organization, 1)
    assert signed_links.read_code_token(signed_links.code_token(other, 1)) == signed_links.read_code_token(
        signed_links.code_token(organization, 1)
    )


SORRY = ["Nothing here", "There is no code at this address. Is it complete, as it was given to you?"]


@pytest.mark.parametrize(
    "path", ["", "x", "HELLO-15", "a" * 38, "_" * 38, "a" * 5000, "ü" * 38, "a/b", "%00", "%ff", "a" * 37 + "%0a"]
)
async def test_nonsense_leads_to_a_page_of_ours(
    served: httpx.AsyncClient, organization: Organization, path: str
) -> None:
    """What is no address at all is a 404 with the same page."""
    assert await seen(served, f"/c/{path}", 404) == SORRY


async def test_a_foreign_or_broken_token_is_a_404(served: httpx.AsyncClient, organization: Organization) -> None:
    """No letter of an address can be another one, and no seal opens another row."""
    await make.code(organization)
    code = await find.code(organization.id, "HELLO-15")
    good = signed_links.code_token(organization, code.id)
    other = await make.organization("other", account=2)
    await make.code(other, "THEIRS")
    theirs = signed_links.code_token(other, (await find.code(other.id, "THEIRS")).id)
    wrong = {good[:place] + ("A" if good[place] != "A" else "B") + good[place + 1 :] for place in range(len(good))}
    wrong |= {good[:21] + theirs[21:], theirs[:21] + good[21:], signed_links.code_token(other, code.id + 1000)}
    wrong |= {
        signed_links.code_token(replace_id(organization, 999), code.id),
        good + "=",
        good + "A",
        good[:-1],
        f"{good}/",
    }
    assert good not in wrong
    for one in wrong:
        assert await seen(served, f"/c/{one}", 404) == SORRY
    await seen(served, f"/c/{good}")


def replace_id(organization: Organization, number: int) -> Organization:
    return Organization(id=number, page_secret=organization.page_secret)


async def test_a_deleted_codes_page_is_gone(served: httpx.AsyncClient, organization: Organization) -> None:
    """What was deleted has no page."""
    await make.code(organization)
    path = await at(organization)
    await Promotion.filter(reference="promotion-2").delete()
    assert await Code.all().count() == 0
    assert await seen(served, path, 404) == SORRY


async def test_a_bug_is_an_error_page(
    served: httpx.AsyncClient, organization: Organization, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fault shows its number and nothing else."""

    async def broken(token: str) -> None:
        raise RuntimeError("a secret")

    monkeypatch.setattr(find, "code_by_token", broken)
    title, sentence = await seen(served, "/c/x", 500)
    assert title == "Sorry"
    assert re.fullmatch(r"Something went wrong here\. The log knows more of it as [0-9a-f]{12}\.", sentence)


# ------------------------------------------------------------------ in a browser


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Chromium is; a machine without one skips the tests that open the page."""
    return packages.program("chromium", "chromium", "chromium-browser", "google-chrome")


@pytest_asyncio.fixture(params=["light", "dark"])
async def phone(chromium: str, request: pytest.FixtureRequest) -> AsyncIterator[BrowserContext]:
    """A browser of a phone's width, by day and by night."""
    async with async_playwright() as playwright:
        launched = await playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        yield await launched.new_context(viewport={"width": 390, "height": 844}, color_scheme=request.param)
        await launched.close()


LONG = "W" * 100

CONTRASTS = """() => {
  const parts = colour => colour.match(/[\\d.]+/g).slice(0, 3).map(Number)
  const light = colour => parts(colour).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0)
  const ground = light(getComputedStyle(document.querySelector('main')).backgroundColor)
  return [...document.querySelectorAll('h1, h2, p, strong')].map(element => {
    const ink = light(getComputedStyle(element).color)
    return (Math.max(ink, ground) + 0.05) / (Math.min(ink, ground) + 0.05)
  })
}"""


@pytest.mark.parametrize("text", ["HELLO-15", LONG])
async def test_it_fits_a_phone(
    phone: BrowserContext, served: httpx.AsyncClient, organization: Organization, text: str
) -> None:
    """At 390 pixels nothing scrolls sideways, the code is to be seen at once, and every word stands out."""
    await make.promotion(organization, text, name=text * 2)
    page = await phone.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    path = await at(organization, text)
    await page.goto(f"{served.base_url}{path}")
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
    shown = page.get_by_text(text, exact=True)
    box = await shown.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert text != "HELLO-15" or box["y"] + box["height"] < 844
    assert float((await shown.evaluate("element => getComputedStyle(element).fontSize")).removesuffix("px")) >= 28
    assert min(await page.evaluate(CONTRASTS)) >= 4.5
    assert await page.get_by_role("heading", level=1).inner_text() == text * 2
    assert await page.get_by_role("img", name="The code as a QR code").is_visible()
    assert await page.locator("html").get_attribute("lang") == "en"
    assert complaints == []
    assert requests == [f"{served.base_url}{path}"]
