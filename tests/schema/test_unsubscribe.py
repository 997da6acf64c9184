"""The page at which somebody asks for no more letters: opened by anything, meant by a POST alone."""

import httpx

from db.models import Organization, Suppression
from schema import pages


def path(organization: Organization, email: str = "ada@example.com") -> str:
    return pages.unsubscribe_url("", organization, email)


async def suppressed() -> list[str]:
    return [row.email_key for row in await Suppression.all()]


async def test_opening_the_page_changes_nothing(served: httpx.AsyncClient, organization: Organization) -> None:
    """It asks, and says who would be written to no more, and by whom; scanners open everything."""
    page = await served.get(path(organization))
    assert page.status_code == 200
    assert "ada@example.com" in page.text
    assert "demo" in page.text
    assert '<form method="post">' in page.text
    assert (await served.head(path(organization))).status_code == 200
    assert await suppressed() == []


async def test_one_click_is_enough(served: httpx.AsyncClient, organization: Organization) -> None:
    """A mail program posts what RFC 8058 says, without a cookie, and needs no other answer; again is as good."""
    for body in ({"List-Unsubscribe": "One-Click"}, {}):
        answer = await served.post(path(organization), data=body)
        assert (answer.status_code, answer.history) == (200, [])
        assert "No more letters" in answer.text
        assert "<form" not in answer.text
        assert await suppressed() == ["ada@example.com"]


async def test_an_address_that_was_not_written(served: httpx.AsyncClient, organization: Organization) -> None:
    """Nobody is there, whatever is made up; nothing is changed."""
    for wrong in ("/u/x", "/u/", path(organization) + "A", path(organization)[:-2], "/u/" + "A" * 60, "/u/%00"):
        assert (await served.get(wrong)).status_code == 404
        assert (await served.post(wrong)).status_code == 404
    assert await suppressed() == []


async def test_names_are_no_markup(served: httpx.AsyncClient, organization: Organization) -> None:
    """An organization is called what it is called."""
    organization.name = "<script>Käse & Co</script>"
    await organization.save()
    page = await served.get(path(organization))
    assert "&lt;script&gt;Käse &amp; Co&lt;/script&gt;" in page.text
    assert "form-action 'self'" in page.headers["content-security-policy"]
