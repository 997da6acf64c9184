"""Lists rows of one kind that match a filter, a page at a time.

The nouns here give a `Listing`, which reads its own pages and counts, or those below several parents at once.
"""

from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Generic, NamedTuple, ParamSpec, TypeVar

from tortoise.queryset import QuerySet

from db import paging
from db.enums import ClaimStatus, CodeStatus, DeliveryStatus, PromotionStatus
from db.models import Claim, Code, Customer, Delivery, Job, Promotion
from db.paging import Cursor as Cursor  # these three for schema, which may not import db.paging
from db.paging import Listed as Listed
from db.paging import Parent as Parent
from db.queries import claims as claim_rows
from db.queries import codes as code_rows
from db.queries import customers as customer_rows
from db.queries import deliveries as delivery_rows
from db.queries import jobs as job_rows
from db.queries import promotions as promotion_rows
from resolvers.domain import code_format, folding, validate

MAX_SEARCH_WORDS = 8
"""Words of a search that are looked for one by one."""

P = ParamSpec("P")
Row = TypeVar("Row", bound=Listed)


class PageRequest(NamedTuple):
    """A page of at most `size` rows, which begins after a cursor or else with the first row."""

    after: Cursor | None
    size: int


@dataclass(frozen=True)
class Page(Generic[Row]):
    """Rows of a list, the oldest first, and whether there are more after them."""

    rows: Sequence[Row] = ()
    has_more: bool = False


@dataclass(frozen=True)
class Listing(Generic[Row]):
    """A list of rows that is not read yet; two with the same conditions are equal."""

    conditions: Hashable
    _select: Callable[[], QuerySet[Row]] = field(compare=False, repr=False)

    async def page(self, request: PageRequest) -> Page[Row]:
        """A page of the list."""
        return _page(await paging.page(self._select(), request.after, request.size + 1), request)

    async def pages_below(
        self, parent: Parent, parent_ids: Sequence[int], request: PageRequest
    ) -> dict[int, Page[Row]]:
        """The same page of the rows below each of several parents of one model, by the parent's id."""
        pages = await paging.pages(self._select(), parent, parent_ids, request.after, request.size + 1)
        return {parent_id: _page(rows, request) for parent_id, rows in pages.items()}

    async def count(self) -> int:
        """How many rows there are on all pages."""
        return await self._select().count()

    async def counts_below(self, parent: Parent, parent_ids: Sequence[int]) -> dict[int, int]:
        """How many rows there are below each of several parents, by its id; one without any is left out."""
        return await paging.counts(self._select(), parent, parent_ids)


def _page(rows: Sequence[Row], request: PageRequest) -> Page[Row]:
    return Page(rows[: request.size], len(rows) > request.size)


def _listing(select: Callable[P, QuerySet[Row]], *args: P.args, **kwargs: P.kwargs) -> Listing[Row]:
    return Listing((select, args, *kwargs.items()), partial(select, *args, **kwargs))


@dataclass(frozen=True)
class CodeFilter:
    status: tuple[CodeStatus, ...] | None = None
    text_prefix: str | None = None
    reserved_for_email: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class ClaimFilter:
    email: str | None = None
    order_reference: str | None = None
    status: tuple[ClaimStatus, ...] | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None


@dataclass(frozen=True)
class PromotionFilter:
    status: tuple[PromotionStatus, ...] | None = None
    search: str | None = None


def promotions(organization_id: int, filters: PromotionFilter, now: datetime) -> Listing[Promotion]:
    """An organization's promotions. Raises InvalidInput."""
    words = _search_words(filters.search, "filter", "search")
    return _listing(promotion_rows.matching, organization_id, filters.status, words, now)


def codes(organization_id: int, filters: CodeFilter, now: datetime) -> Listing[Code]:
    """An organization's codes. Raises InvalidInput."""
    return _listing(
        code_rows.matching,
        organization_id,
        created_from=_instant(filters.created_after, "created_after"),
        created_before=_instant(filters.created_before, "created_before"),
        text_prefix=_prefix_key(filters.text_prefix),
        reserved_for=_email_key(filters.reserved_for_email, "reserved_for_email"),
        wanted=filters.status,
        now=now,
    )


def claims(organization_id: int, filters: ClaimFilter) -> Listing[Claim]:
    """An organization's claims, released ones too. Raises InvalidInput."""
    reference = filters.order_reference
    return _listing(
        claim_rows.matching,
        organization_id,
        created_from=_instant(filters.created_after, "created_after"),
        created_before=_instant(filters.created_before, "created_before"),
        customer=_email_key(filters.email, "email"),
        order_reference=None if reference is None else validate.text(reference, "filter", "order_reference"),
        wanted=filters.status,
    )


def customers(organization_id: int, search: str | None) -> Listing[Customer]:
    """An organization's customers. Raises InvalidInput."""
    return _listing(customer_rows.all_of, organization_id, _search_words(search, "search"))


def deliveries(organization_id: int, status: Sequence[DeliveryStatus] | None) -> Listing[Delivery]:
    """An organization's letters in any of these states."""
    return _listing(delivery_rows.matching, organization_id, None if status is None else tuple(dict.fromkeys(status)))


async def latest_deliveries(organization_id: int, status: DeliveryStatus | None, limit: int) -> list[Delivery]:
    """The newest letters, newest first, each with its code."""
    return await delivery_rows.latest(organization_id, status, limit)


async def delivery_counts(organization_id: int) -> Counter[DeliveryStatus]:
    """How many letters there are in each state."""
    return await delivery_rows.count_by_status(organization_id)


def jobs(organization_id: int) -> Listing[Job]:
    """An organization's generation jobs, finished ones too."""
    return _listing(job_rows.all_of, organization_id)


def _prefix_key(text_prefix: str | None) -> str | None:
    if text_prefix is None:
        return None
    prefix = validate.optional_text(text_prefix, "filter", "text_prefix", max_length=code_format.MAX_CODE_LENGTH)
    return folding.code_key(prefix or "")


def _email_key(email: str | None, name: str) -> str | None:
    return None if email is None else validate.email(email, "filter", name)[1]


def _instant(instant: datetime | None, name: str) -> datetime | None:
    return None if instant is None else validate.storable_instant(instant, "filter", name)


def _search_words(search: str | None, *path: str) -> tuple[str, ...]:
    """The folded words of a search, at most MAX_SEARCH_WORDS; the last of many is all the rest."""
    if not search:
        return ()
    return (*folding.search_key(validate.optional_text(search, *path) or "").split(" ", MAX_SEARCH_WORDS - 1),)
