"""Customers: persons, one e-mail an organization."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from tortoise.expressions import Q
from tortoise.queryset import QuerySet

from db import paging, sql, statements
from db.models import Claim, Code, Customer, Job
from db.values import FoldedNames

_IDS = statements.ValuesTable(id="bigint")
_EMAILS = statements.ValuesTable(organization_id="bigint", email_key="text")


async def by_email(organization_id: int, email_key: str) -> Customer | None:
    return await Customer.get_or_none(organization_id=organization_id, email_key=email_key)


class KnownCustomer(NamedTuple):
    """The id and names of an existing customer."""

    id: int
    first_name: str | None
    last_name: str | None
    has_joined: bool


def by_emails(
    emails: Collection[tuple[int, str]], *, lock: bool
) -> statements.Statement[dict[tuple[int, str], KnownCustomer]]:
    """The customers that exist among these (organization's id, folded address), by them.

    With `lock` none of them can be deleted until the transaction ends.
    """
    customer = sql.lateral_join("customer", organization_id="input.organization_id", email_key="input.email_key")
    return _EMAILS.statement(
        f"""
        SELECT customer.organization_id, customer.email_key, customer.id, customer.first_name, customer.last_name,
            customer.joined_at IS NOT NULL AS has_joined
        FROM {{values}} AS input {customer}
        """,  # noqa: S608 (names)
        emails,
        columns=("organization_id", "email_key", *KnownCustomer._fields),
        read=lambda rows: {(row.pop("organization_id"), row.pop("email_key")): KnownCustomer(**row) for row in rows},
        lock="FOR KEY SHARE OF customer" if lock else "",
    )


class MentionedCustomer(NamedTuple):
    """A customer who is named by others, and may not have acted themselves: the address as entered, key and folded."""

    email: str
    email_key: str
    email_folded: str | None


class ActingCustomer(NamedTuple):
    """A customer who acts now, with the names of the request; the id is theirs if they are new.

    A new one is made at `created_at`.
    """

    id: int
    organization_id: int
    email: str
    email_key: str
    first_name: str | None
    last_name: str | None
    email_folded: str | None
    first_name_folded: str | None
    last_name_folded: str | None
    created_at: datetime

    def with_names(self, first_name: str | None, last_name: str | None, folded: FoldedNames) -> "ActingCustomer":
        """The same customer, with missing names filled in from another request of theirs."""
        acting = self
        if acting.first_name is None and first_name is not None:
            acting = acting._replace(first_name=first_name, first_name_folded=folded.first_name)
        if acting.last_name is None and last_name is not None:
            acting = acting._replace(last_name=last_name, last_name_folded=folded.last_name)
        return acting


_MENTIONED = statements.ValuesTable.of(MentionedCustomer)
_ACTING = statements.ValuesTable.of(ActingCustomer)
_NAMED = _ACTING.without("id")

_FILL_MISSING = """
    ON CONFLICT (organization_id, email_key) DO UPDATE SET
        first_name = COALESCE(customer.first_name, excluded.first_name),
        last_name = COALESCE(customer.last_name, excluded.last_name),
        first_name_folded = CASE WHEN customer.first_name IS NULL THEN excluded.first_name_folded
            ELSE customer.first_name_folded END,
        last_name_folded = CASE WHEN customer.last_name IS NULL THEN excluded.last_name_folded
            ELSE customer.last_name_folded END,
        joined_at = COALESCE(customer.joined_at, excluded.joined_at)
    """
"""The end of an upsert that fills in what an existing row lacks."""

_SHARED = {"particulars": "'{}'", "updated_at": "created_at"}
_INSERT_ACTING = _ACTING.insert_select(
    "customer", f"ORDER BY organization_id, email_key {_FILL_MISSING}", joined_at="created_at", **_SHARED
)
_INSERT_NAMED = _NAMED.insert_select("customer", _FILL_MISSING, joined_at="$1", **_SHARED)
_INSERT_MENTIONED = _MENTIONED.insert_select(
    "customer",
    "ORDER BY email_key ON CONFLICT (organization_id, email_key) DO NOTHING RETURNING id",
    organization_id="$1",
    created_at="$2",
    updated_at="$2",
    particulars="'{}'",
)


async def ensure(
    organization_id: int,
    email: str,
    email_key: str,
    first_name: str | None,
    last_name: str | None,
    folded: FoldedNames,
    joined_at: datetime | None,
    now: datetime,
) -> Customer:
    """The customer with this address, inserted if new; names and joined_at are filled in where missing.

    `email_key` and `folded` are the address and names as they are compared and searched. Without `joined_at` the
    customer is only named by others.
    """
    named = ActingCustomer(0, organization_id, email, email_key, first_name, last_name, *folded, now)
    returning = f"{_INSERT_NAMED} RETURNING {', '.join(sql.columns(Customer))}"
    [customer] = sql.models_from_rows(Customer, await _NAMED.fetch(returning, [named[1:]], joined_at))
    return customer


async def ensure_mentioned(
    organization_id: int, emails: Collection[MentionedCustomer], now: datetime
) -> dict[str, int]:
    """The ids of the customers with these addresses, by key; inserted at `now` if new, as not joined."""
    if not emails:
        return {}
    await _MENTIONED.fetch(
        _INSERT_MENTIONED,
        {customer.email_key: customer for customer in emails}.values(),
        organization_id,
        now,
    )
    customers = await by_emails({(organization_id, customer.email_key) for customer in emails}, lock=True)
    return {email_key: customer.id for (_, email_key), customer in customers.items()}


def ensure_all(acting: Iterable[ActingCustomer]) -> statements.Statement[None]:
    """As `ensure`, for many customers who join now if they have not. No address may come twice.

    They are written by organization and address, so that transactions with the same ones don't deadlock.
    """
    return _ACTING.change(_INSERT_ACTING, acting)


async def save_vendor_data(
    customer: Customer, particulars: Mapping[str, object], referrer_id: int | None, now: datetime
) -> None:
    """Save what a single vendor has of a customer, and the id of the customer who referred them."""
    columns = {"particulars": dict(particulars), "brought_by_id": referrer_id, "updated_at": now}
    customer.update_from_dict(columns)
    await customer.save(update_fields=list(columns))


async def lock(organization_id: int, email_key: str) -> Customer | None:
    """The customer with its row locked."""
    customers = Customer.filter(organization_id=organization_id, email_key=email_key)
    return await customers.select_for_update(no_key=True).first()


async def is_referenced(customer_id: int) -> bool:
    """Whether claims, reservations, activations or an unfinished job refer to the customer."""
    return (
        await Claim.exists(customer_id=customer_id)
        or await Code.exists(Q(reserved_for_id=customer_id) | Q(activated_by_id=customer_id))
        or await Job.exists(reserved_for_id=customer_id, finished_at=None)
    )


async def anonymize(customer: Customer, now: datetime) -> None:
    """Remove the customer's personal data, and keep the row that claims refer to."""
    await Customer.filter(id=customer.id).update(
        email=None, email_key=None, first_name=None, last_name=None, particulars={}, brought_by_id=None, updated_at=now,
        email_folded=None, first_name_folded=None, last_name_folded=None,
    )  # fmt: skip


async def delete(organization_id: int, customer_id: int) -> None:
    await Customer.filter(organization_id=organization_id, id=customer_id).delete()


def all_of(organization_id: int, words: Sequence[str]) -> QuerySet[Customer]:
    """The organization's customers that have an address, or those with each of these folded words in it or a name."""
    customers = Customer.filter(organization_id=organization_id, email_key__not_isnull=True)
    return sql.contains_words(
        customers,
        ("email_folded", "email"),
        ("first_name_folded", "first_name"),
        ("last_name_folded", "last_name"),
        words=words,
    )


async def page_of_joined(organization_id: int, after: paging.Cursor | None, size: int) -> list[Customer]:
    """A page of those who have acted themselves, in the order of their rows, which has an index."""
    customers = Customer.filter(organization_id=organization_id, joined_at__not_isnull=True, email_key__not_isnull=True)
    return await paging.page(customers, after, size)


async def referred_by(organization_id: int, customer_ids: Collection[int]) -> list[Customer]:
    """An organization's customers whom these have referred, in the order they joined.

    The plus sign keeps SQLite to the index of referrers: it may else read all of an organization's customers.
    """
    rows = await _IDS.fetch(
        """
        SELECT customer.* FROM {values} AS input CROSS JOIN customer
        WHERE customer.brought_by_id = input.id AND +customer.organization_id = $1
            AND customer.joined_at IS NOT NULL AND customer.email_key IS NOT NULL
        ORDER BY customer.joined_at, customer.id
        """,
        ((id,) for id in customer_ids),
        organization_id,
    )
    return sql.models_from_rows(Customer, rows)
