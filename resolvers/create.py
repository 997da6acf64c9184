"""Creates things: promotions, locations, products, customers, organizations and keys."""

import secrets
import string
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

from tortoise.transactions import in_transaction

from db import errors as db_errors
from db.enums import KeyKind
from db.models import DEFAULT_REFERENCE, Customer, Location, Organization, Product, Promotion
from db.queries import accounts, codes, customers, keys, locations, organizations, products, promotions
from resolvers import authenticate, generate, idempotency
from resolvers.domain import folding, letter_template, params, validate
from resolvers.domain.letter_template import ValidLetter
from resolvers.domain.refusals import (
    CodeTaken,
    EmailTaken,
    IdempotencyMismatch,
    InvalidInput,
    ReferenceTaken,
    UnknownLocation,
)
from resolvers.domain.validate import ValidDiscount, ValidLimits

MAX_LOCATIONS = 1_000
MAX_TEXTS = 1_000
"""Texts that a promotion may be created with; more of them are generated or imported."""


@dataclass(frozen=True)
class NewPromotion:
    name: str
    reference: str | None = None
    number: int | None = None
    identifier: str | None = None
    is_enabled: bool = True
    position: int = 0
    discount: params.Maybe[params.Discount | None] = params.ABSENT
    window: params.Maybe[params.Window | None] = params.ABSENT
    limits: params.Maybe[params.Limits | None] = params.ABSENT
    letter: params.Maybe[params.Letter | None] = params.ABSENT
    location_numbers: tuple[int, ...] = ()
    metadata: dict[str, object] | None = None
    codes: tuple[str, ...] = ()
    particulars: dict[str, object] | None = None  # values of a single vendor, under the vendor's name


@db_errors.retry_on_conflict
async def promotion(
    organization: Organization, new: NewPromotion, idempotency_key: str | None, now: datetime
) -> Promotion:
    """Make a promotion, with its codes if texts are given.

    Raises InvalidInput, ReferenceTaken, CodeTaken, UnknownLocation, IdempotencyMismatch.
    """
    await letter_template.prepare(new.letter)
    row = _draft(organization, new)
    texts = _texts(new.codes)
    async with in_transaction():
        earlier = await idempotency.begin(organization.id, idempotency_key, ("create.promotion", new), now)
        if earlier is not None:
            return await _replay(organization.id, earlier)
        row.number = await _promotion_number(organization, new.number)
        row.reference = await _reference(organization.id, new.reference, row.number)
        if await promotions.by_identifier(organization.id, row.identifier):
            raise InvalidInput("Another promotion has this identifier.", "identifier")
        await _add(row, now)
        await link(organization.id, row.id, new.location_numbers)
        await _insert(organization, row, texts, now)
        await idempotency.finish(organization.id, idempotency_key, row.id)
        return row


def search_key(name: str, reference: str) -> str | None:
    """The folded name and reference that a promotion is searched by; None where they are ASCII."""
    return folding.beyond_ascii(f"{name} {reference}")


def _draft(organization: Organization, new: NewPromotion) -> Promotion:
    """The promotion, not inserted yet, without its number and reference."""
    starts_at, ends_at = validate.window(new.window, None, None, organization.time_zone)
    return Promotion(
        organization_id=organization.id,
        name=validate.text(new.name, "name"),
        identifier=validate.optional_text(new.identifier, "identifier", max_length=64) or str(uuid.uuid4()),
        is_enabled=new.is_enabled,
        position=validate.integer(new.position, "position", minimum=-validate.MAX_INT),
        **asdict(validate.discount(new.discount, ValidDiscount(), organization.currency)),
        starts_at=starts_at,
        ends_at=ends_at,
        **asdict(validate.limits(new.limits, ValidLimits())),
        **asdict(letter_template.letter(new.letter, ValidLetter())),
        metadata=validate.metadata(new.metadata or {}, "metadata"),
        particulars=new.particulars or {},
    )


async def _add(row: Promotion, now: datetime) -> None:
    row.update_from_dict({"search_key": search_key(row.name, row.reference), "created_at": now, "updated_at": now})
    await promotions.add(row)


def _texts(texts: tuple[str, ...]) -> dict[str, str]:
    """The texts by their keys."""
    if len(texts) > MAX_TEXTS:
        raise InvalidInput(f"At most {MAX_TEXTS} texts, please; generate or import more.", "codes")
    by_key: dict[str, str] = {}
    for index, text in enumerate(texts):
        text, key = validate.new_code_text(text, "codes", str(index))
        if key in by_key:
            raise InvalidInput(f"{text!r} and {by_key[key]!r} are one code.", "codes", str(index))
        by_key[key] = text
    return by_key


async def _promotion_number(organization: Organization, chosen: int | None) -> int:
    """The chosen number, or the next; unambiguous over the account, as LP Motor's paths name no site."""
    account = await accounts.lock(organization.account_id)
    if chosen is not None:
        if await promotions.number_is_taken(account.id, validate.integer(chosen, "number")):
            raise InvalidInput(f"Another promotion of this account has the number {chosen}.", "number")
        return chosen
    number = account.last_promotion_number + 1
    while await promotions.number_is_taken(account.id, number):
        number += 1
    await accounts.save_last_promotion_number(account, number)
    return number


async def _reference(organization_id: int, chosen: str | None, number: int) -> str:
    valid = validate.optional_text(chosen, "reference")
    reference = valid or f"promotion-{number}"
    if await promotions.by_reference(organization_id, reference):
        if valid:
            raise ReferenceTaken(reference)
        return f"{reference}-{secrets.token_hex(4)}"
    return reference


async def link(organization_id: int, promotion_id: int, numbers: tuple[int, ...]) -> None:
    """Link a promotion to exactly the locations with these numbers. Raises UnknownLocation."""
    if len(numbers) > MAX_LOCATIONS:
        raise InvalidInput(f"At most {MAX_LOCATIONS} locations, please.", "location_numbers")
    wanted = {validate.integer(number, "location_numbers", str(place)) for place, number in enumerate(numbers)}
    rows = await locations.by_numbers(organization_id, wanted)
    for number in sorted(wanted - {location.number for location in rows}):
        raise UnknownLocation(number)
    await locations.link(organization_id, promotion_id, rows)


async def _insert(organization: Organization, promotion: Promotion, texts: dict[str, str], now: datetime) -> None:
    """Make these texts, by their keys, the promotion's codes. Raises CodeTaken."""
    if not texts:
        return
    pairs = [(text, key) for key, text in texts.items()]
    if len(await generate.insert(organization, promotion, pairs, generate.CodeOptions(), None, now)) == len(pairs):
        return
    rows = await codes.by_texts({(organization.id, key) for key in texts})
    raise CodeTaken(texts[min(key for (_, key), code in rows.items() if code.promotion_id != promotion.id)])


async def _replay(organization_id: int, promotion_id: object) -> Promotion:
    row = await promotions.by_id(organization_id, promotion_id) if isinstance(promotion_id, int) else None
    if row is None:
        raise IdempotencyMismatch("The promotion that this key was used for has been deleted.")
    return row


@db_errors.retry_on_conflict
async def location(
    organization: Organization, number: int | None, name: str, is_default: bool, now: datetime
) -> Location:
    """Make a location, with the next number unless one is chosen. Raises InvalidInput."""
    valid = validate.text(name, "name")
    validate.optional_integer(number, "number")
    async with in_transaction():
        await organizations.lock(organization.id)
        if number is not None and await locations.by_number(organization.id, number):
            raise InvalidInput(f"There is a location {number} already.", "number")
        drawn = number or validate.integer(await locations.highest_number(organization.id) + 1, "number")
        return await locations.add(organization.id, drawn, valid, is_default, now)


@db_errors.retry_on_conflict
async def product(organization: Organization, number: int | None, title: str, now: datetime) -> Product:
    """Make a product, with the next number unless one is chosen. Raises InvalidInput."""
    valid = validate.text(title, "title")
    validate.optional_integer(number, "number")
    async with in_transaction():
        await organizations.lock(organization.id)
        if number is not None and await products.by_number(organization.id, number):
            raise InvalidInput(f"There is a product {number} already.", "number")
        drawn = number or validate.integer(await products.highest_number(organization.id) + 1, "number")
        return await products.add(organization.id, drawn, valid, now)


@db_errors.retry_on_conflict
async def customer(
    organization: Organization,
    person: params.Person,
    particulars: Mapping[str, object],
    now: datetime,
    brought_by_id: int | None = None,
) -> Customer:
    """Sign up a customer; one who was only named by others before may. Raises InvalidInput, EmailTaken."""
    valid = validate.person(person)
    async with in_transaction():
        await organizations.lock(organization.id)  # of two who sign up at once, the second is refused
        before = await customers.lock(organization.id, valid.email_key)
        if before is not None and before.joined_at is not None:
            raise EmailTaken
        row = await customers.ensure(
            organization.id,
            valid.email,
            valid.email_key,
            valid.first_name,
            valid.last_name,
            valid.folded,
            now,
            now,
        )
        await customers.save_vendor_data(row, particulars, brought_by_id, now)
        return row


@db_errors.retry_on_conflict
async def organization(
    name: str,
    number: int | None,
    identifier: str | None,
    account_number: int | None,
    currency: str,
    time_zone: str,
    now: datetime,
) -> Organization:
    """Make an organization with its default promotion; its account is made as well if it is new.

    Without an account number it gets an account of its own. Raises InvalidInput.
    """
    checked_name, checked_zone = validate.text(name, "name"), validate.time_zone(time_zone, "time_zone")
    checked_currency = validate.currency(currency, "currency")
    validate.optional_integer(number, "number")
    validate.optional_integer(account_number, "account")
    async with in_transaction():
        await organizations.lock_all()
        owner = account_number or validate.integer(await accounts.highest_number() + 1, "account")
        account = await accounts.by_number(owner) or await accounts.add(owner, now)
        drawn = number or validate.integer(await organizations.highest_number() + 1, "number")
        chosen_identifier = validate.optional_text(identifier, "identifier", max_length=64) or _identifier()
        clash = await organizations.conflicting(drawn, chosen_identifier)
        if clash is not None:
            field = "number" if clash.number == drawn else "identifier"
            raise InvalidInput(f"{clash.identifier!r} is organization {clash.number} already.", field)
        row = await organizations.add(
            account, drawn, chosen_identifier, checked_name, checked_zone, checked_currency, secrets.token_hex(32), now
        )
        default = NewPromotion(name="Default", reference=DEFAULT_REFERENCE)
        promotion = _draft(row, default)
        promotion.reference, promotion.number = DEFAULT_REFERENCE, await _promotion_number(row, None)
        await _add(promotion, now)
        return row


def _identifier() -> str:
    """26 letters and digits, the shape of WalletApp's organization identifiers."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(26))


@db_errors.retry_on_conflict
async def key(kind: KeyKind, account_id: int, organization_id: int | None, value: str | None, now: datetime) -> str:
    """Create a key, or import a vendor's; returns its value, of which a hash is stored. Raises InvalidInput."""
    if (kind is KeyKind.ACCOUNT) != (organization_id is None):
        raise InvalidInput("A key of the kind account belongs to an account, any other to an organization.", "kind")
    secret = value if value is not None else authenticate.new_key(kind)
    if not secret or secret != secret.strip() or not secret.isascii() or not secret.isprintable() or " " in secret:
        raise InvalidInput("A key is printable ASCII without spaces.", "value")
    async with in_transaction():
        if await keys.exists(authenticate.key_hash(secret)):
            raise InvalidInput("This key is known already.", "value")
        await keys.add(kind, authenticate.key_hash(secret), secret[-4:], account_id, organization_id, now)
    return secret
