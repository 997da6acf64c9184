"""Customers: persons, one e-mail an organization."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from db import deeds, paging, sql
from db.models import Claim, Code, Customer, Job

_EMAILS = deeds.Given(organization_id="bigint", email_key="text")
_SPOKEN_OF = deeds.Given(email="text", email_key="text")
_ACTING = deeds.Given(
    id="bigint",
    organization_id="bigint",
    email="text",
    email_key="text",
    first_name="text",
    last_name="text",
    now="timestamptz",
)


async def by_email(organization_id: int, email_key: str) -> Customer | None:
    return await Customer.get_or_none(organization_id=organization_id, email_key=email_key)


class Known(NamedTuple):
    """What is known of a customer already."""

    id: int
    first_name: str | None
    last_name: str | None
    has_joined: bool


def known(emails: Collection[tuple[int, str]], *, hold: bool) -> deeds.Deed[dict[tuple[int, str], Known]]:
    """Those of these customers that there are, by organization and address; with `hold` nobody deletes them now."""
    customer = sql.found_by("customer", organization_id="asked.organization_id", email_key="asked.email_key")
    return _EMAILS.deed(
        f"""
        SELECT customer.organization_id, customer.email_key, customer.id, customer.first_name, customer.last_name,
            customer.joined_at IS NOT NULL AS has_joined
        FROM {{given}} AS asked {customer}
        """,  # noqa: S608 (names)
        emails,
        tells=("organization_id", "email_key", *Known._fields),
        read=lambda rows: {(row.pop("organization_id"), row.pop("email_key")): Known(**row) for row in rows},
        lock="FOR KEY SHARE OF customer" if hold else "",
    )


async def by_ids(ids: Iterable[int]) -> dict[int, Customer]:
    return await Customer.in_bulk(ids, "id")


async def ensure(
    organization_id: int,
    email: str,
    email_key: str,
    first_name: str | None,
    last_name: str | None,
    joined_at: datetime | None,
    now: datetime,
) -> Customer:
    """The customer with this address, made if new; names and the day of joining are filled in where missing."""
    await sql.rows(
        """
        INSERT INTO customer (organization_id, email, email_key, first_name, last_name, joined_at,
                              particulars, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, '{}', $7, $7)
        ON CONFLICT (organization_id, email_key) DO UPDATE SET
            first_name = COALESCE(customer.first_name, excluded.first_name),
            last_name = COALESCE(customer.last_name, excluded.last_name),
            joined_at = COALESCE(customer.joined_at, excluded.joined_at)
        RETURNING id
        """,
        organization_id,
        email,
        email_key,
        first_name,
        last_name,
        joined_at,
        now,
    )
    return await Customer.get(organization_id=organization_id, email_key=email_key)


async def spoken_of(organization_id: int, emails: Collection[tuple[str, str]], now: datetime) -> dict[str, int]:
    """The ids of the customers with these addresses (and keys), by key; new ones have not acted themselves yet."""
    if not emails:
        return {}
    await _SPOKEN_OF.rows(
        """
        INSERT INTO customer (organization_id, email, email_key, particulars, created_at, updated_at)
        SELECT $1, email, email_key, '{}', $2, $2 FROM {given} AS new WHERE true ORDER BY email_key
        ON CONFLICT (organization_id, email_key) DO NOTHING
        RETURNING id
        """,
        {email_key: (email, email_key) for email, email_key in emails}.values(),
        organization_id,
        now,
    )
    found = await known({(organization_id, email_key) for _, email_key in emails}, hold=True)
    return {email_key: one.id for (_, email_key), one in found.items()}


class Acting(NamedTuple):
    """Somebody who acts now, with the names they told; the id is theirs if they are new."""

    id: int
    organization_id: int
    email: str
    email_key: str
    first_name: str | None
    last_name: str | None
    now: datetime


def ensure_all(acting: Iterable[Acting]) -> deeds.Deed[None]:
    """As `ensure`, of many who have joined. No address may come twice.

    They are written by organization and address, so that two who ensure the same ones don't wait in a circle.
    """
    return _ACTING.change(
        """
        INSERT INTO customer (id, organization_id, email, email_key, first_name, last_name, joined_at,
                              particulars, created_at, updated_at)
        SELECT id, organization_id, email, email_key, first_name, last_name, now, '{}', now, now
        FROM {given} AS acting WHERE true ORDER BY organization_id, email_key
        ON CONFLICT (organization_id, email_key) DO UPDATE SET
            first_name = COALESCE(customer.first_name, excluded.first_name),
            last_name = COALESCE(customer.last_name, excluded.last_name),
            joined_at = COALESCE(customer.joined_at, excluded.joined_at)
        """,
        acting,
    )


async def keep_told(customer: Customer, particulars: dict[str, Any], brought_by_id: int | None, now: datetime) -> None:
    """What a single vendor has told of a customer, and who brought them."""
    told = {"particulars": particulars, "brought_by_id": brought_by_id, "updated_at": now}
    customer.update_from_dict(told)
    await customer.save(update_fields=list(told))


async def hold(organization_id: int, email_key: str) -> Customer | None:
    """The customer with its row locked."""
    found = Customer.filter(organization_id=organization_id, email_key=email_key)
    return await found.select_for_update(no_key=True).first()


async def is_referred_to(customer_id: int) -> bool:
    """Whether claims, reservations or activations tell of the customer, or will when a job is done."""
    return (
        await Claim.exists(customer_id=customer_id)
        or await Code.exists(Q(reserved_for_id=customer_id) | Q(activated_by_id=customer_id))
        or await Job.exists(reserved_for_id=customer_id, finished_at=None)
    )


async def make_nameless(customer: Customer, now: datetime) -> None:
    """Forget who the customer is, and keep the row that claims point to."""
    await Customer.filter(id=customer.id).update(
        email=None, email_key=None, first_name=None, last_name=None, particulars={}, brought_by_id=None, updated_at=now
    )


async def delete(customer_id: int) -> None:
    await Customer.filter(id=customer_id).delete()


def all_of(organization_id: int, search: str | None) -> QuerySet[Customer]:
    """The organization's customers that have a name, or those with these letters in address or names.

    A is found as a and so on to Z, on both databases; other letters as they are written.
    """
    found = Customer.filter(organization_id=organization_id, email_key__not_isnull=True)
    if search is None:
        return found
    return found.filter(Q(email__icontains=search) | Q(first_name__icontains=search) | Q(last_name__icontains=search))


async def joined(organization_id: int, after: paging.Place | None, size: int) -> list[Customer]:
    """A page of those who have acted themselves, in the order they joined; a place is by that instant."""
    found = Customer.filter(organization_id=organization_id, joined_at__not_isnull=True, email_key__not_isnull=True)
    return await paging.page(found, after, size, "joined_at")


async def brought_by(customer_ids: Collection[int]) -> list[Customer]:
    """Whom these customers have referred, in the order they joined."""
    found = Customer.filter(brought_by_id__in=customer_ids, joined_at__not_isnull=True, email_key__not_isnull=True)
    return await found.order_by("joined_at", "id")
