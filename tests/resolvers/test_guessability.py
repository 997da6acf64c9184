"""How likely a guess hits: what is seen of the codes themselves."""

import pytest

from db.models import Organization
from resolvers import delete, generate, guessability, update
from resolvers.domain import params
from resolvers.domain.code_format import Format, Style
from resolvers.domain.folding import code_key
from resolvers.guessability import MIN_ASSUMED_CODES
from tests import make
from tests.make import NOW


async def generated(organization: Organization, amount: int, format: Format, **options: object) -> list[str]:
    options = generate.CodeOptions(**options)  # type: ignore[arg-type]
    return [
        code.text
        for code in (await generate.codes(organization, None, amount, format, options, False, None, NOW)).codes
    ]


async def test_digits(organization: Organization) -> None:
    """A thousand of six digits: one in a thousand guesses of six digits hits, and no guess of another shape."""
    await generated(organization, 1_000, Format(Style.NUMERIC))
    chances = await guessability.count(organization.id, NOW)
    assert chances.of("123456") == 1_000 / 10**6
    assert chances.of("12345678901") <= guessability.MAX_SAFE_CHANCE
    assert (chances.at_risk, chances.counted) == (1_000, 1_000)


@pytest.mark.parametrize(
    ("pattern", "prefix", "guess", "other", "size"),
    [
        ("##", "", "a7", None, 36 * 36),
        ("##", "SUMMER-", "summer7b", "winter7b", 36 * 36),
        ("9999-SOLD", "", "1234sold", "1234gone", 10**4),
        ("A9A9", "", "x1y2", None, 260 * 260),
    ],
)
async def test_what_all_have_in_common_is_no_secret(
    organization: Organization, pattern: str, prefix: str, guess: str, other: str | None, size: int
) -> None:
    """A prefix, or what else stands in a pattern, is known to whoever guesses."""
    await generated(organization, 100, Format(Style.PATTERN, pattern, prefix))
    chances = await guessability.count(organization.id, NOW)
    assert chances.of(guess) >= 0.5 * 100 / size
    assert chances.at_risk == 100
    if other is not None:
        assert chances.of(other) <= guessability.MAX_SAFE_CHANCE


@pytest.mark.parametrize("prefix", ["", "summer"])
async def test_adjective_and_noun(organization: Organization, prefix: str) -> None:
    """They are found in our own words, with what stands before them; other words are no guess at them."""
    drawn = await generated(organization, 100, Format(Style.CREATIVE, prefix=prefix))
    chances = await guessability.count(organization.id, NOW)
    assert chances.of(code_key(drawn[0])) == pytest.approx(max(100, MIN_ASSUMED_CODES) / Format().capacity)
    assert chances.of("zzzzzz" + "qqqqqq") <= guessability.MAX_SAFE_CHANCE
    assert chances.at_risk == 100


async def test_own_wordings_count_by_their_length(organization: Organization) -> None:
    """Few codes show nothing in common: HELLO-15 is seven letters and digits, and nobody's risk; ADA is."""
    await make.promotion(organization, "HELLO-15")
    await make.promotion(organization, "ADA")
    chances = await guessability.count(organization.id, NOW, own_at_most=0.003)
    assert chances.at_risk == 1
    assert chances.of("hello15") <= guessability.MAX_SAFE_CHANCE
    assert chances.of("ada") == 0.003, "a hundred failures an hour, however short"


async def test_what_nobody_or_only_one_may_claim_is_no_risk(organization: Organization) -> None:
    """Codes that are spent, switched off, over, reserved or not activated are not found by guessing."""
    numeric = Format(Style.NUMERIC)
    first, second, third, *_ = await generated(organization, 10, numeric)
    await make.claimed(organization, first)
    await update.code(organization, second, update.CodeChange(is_enabled=False), NOW)
    await delete.code(organization, third, dry_run=False)
    await generated(organization, 5, numeric, activated=False)
    await generated(organization, 5, numeric, reserved_for=params.Person("ada@example.com"))
    assert (await guessability.count(organization.id, NOW)).at_risk == 7


async def test_many_pages_come_to_the_same(organization: Organization, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many codes are looked at at a time."""
    await generated(organization, 50, Format(Style.NUMERIC))
    monkeypatch.setattr(guessability, "PAGE_SIZE", 7)
    chances = await guessability.count(organization.id, NOW)
    assert (chances.at_risk, chances.counted) == (50, 50)


@pytest.mark.case("F17")
@pytest.mark.parametrize(
    ("amount", "format", "expected"),
    [
        (500, Format(Style.PATTERN, "##"), "500 codes of 1,296: one in 3 guesses hits one."),
        (1_000, Format(Style.NUMERIC), "1,000 codes of 1,000,000: one in 1,000 guesses hits one."),
        (2, Format(Style.PATTERN, "HELLO"), "2 codes of 1: every guess hits one."),
    ],
)
def test_owners_are_warned_of_weak_formats(amount: int, format: Format, expected: str) -> None:
    """With the numbers, and with what would be better."""
    [warning] = guessability.warnings(amount, format)
    assert warning.startswith(expected)


@pytest.mark.parametrize(("amount", "style"), [(10, Style.CREATIVE), (1_000, Style.ALPHANUMERIC), (100, Style.NUMERIC)])
def test_nobody_is_warned_of_what_is_hard_to_guess(amount: int, style: Style) -> None:
    """Ten thousand guesses for a hit are no weak format."""
    assert guessability.warnings(amount, Format(style)) == []
