"""The context of one GraphQL request: its caller, and data loaders that fetch rows in batches."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias, TypeVar

from strawberry.dataloader import DataLoader
from strawberry.types import Info as StrawberryInfo

from db.models import Code, Location, Promotion
from resolvers import find, listing
from resolvers.authenticate import Right
from resolvers.domain import validate
from resolvers.domain.params import Person
from schema import context
from schema.context import Caller
from schema.graphql.engine import ResponseScheduler

T = TypeVar("T")
MAX_BATCH = 500
"""Rows, or parents of pages, that one statement fetches at most: all that wait for them go on in one moment."""


@dataclass
class Context:
    """The context of one document; `named_customers` are those that it named with a public key, by e-mail key."""

    caller: Caller
    scheduler: ResponseScheduler = ResponseScheduler()  # of a short response, which never waits
    named_customers: dict[str, Person] = field(default_factory=dict)
    _promotions: dict[int, Promotion] = field(default_factory=dict)
    _loaders: dict[Hashable, DataLoader[int, Any]] = field(default_factory=dict)

    def require(self, right: Right) -> None:
        """Raises AccessDenied when the caller's key has no such right."""
        context.require(self.caller.holder, right)

    def remember_customer(self, customer: Person) -> None:
        """Remember the customer that a public key has named: it is shown the names that it sent, and no others."""
        if self.caller.is_public:
            self.named_customers[validate.email(customer.email)[1]] = customer

    def remember_promotion(self, promotion: Promotion) -> None:
        """Remember a promotion that is loaded already, so that its codes need not fetch it."""
        self._promotions[promotion.id] = promotion

    def remember_promotions_of(self, codes: Sequence[Code]) -> None:
        """Remember the promotions that are loaded with codes just made."""
        for code in codes:
            if (promotion := vars(code).get("_promotion")) is not None:
                self.remember_promotion(promotion)

    async def load_promotions(self, codes: Sequence[Code]) -> None:
        """Fetch the promotions of codes in one statement, before their fields fetch them one by one."""
        missing = {code.promotion_id for code in codes} - self._promotions.keys()
        if missing:
            self._promotions |= await find.by_ids(Promotion, self.caller.organization.id, missing)

    def with_promotion(self, code: Code, make: Callable[[Promotion], T]) -> T:
        """The result of `make` for a code's promotion: at once where that is loaded, else an awaitable of it."""
        promotion = self._promotions.get(code.promotion_id)
        return make(promotion) if promotion is not None else self._with_promotion(code, make)  # type: ignore[return-value]

    async def _with_promotion(self, code: Code, make: Callable[[Promotion], T]) -> T:
        return make(await self.row(Promotion, code.promotion_id))

    async def row(self, model: type[find.Row], row_id: int) -> find.Row:
        """A row that exists, fetched with all others of its model that are requested at the same time.

        Raises LookupError where it is gone.
        """
        row = await self.row_or_none(model, row_id)
        if row is None:
            raise LookupError(f"{model.__name__} {row_id} is gone")
        return row

    async def row_or_none(self, model: type[find.Row], row_id: int | None) -> find.Row | None:
        """A row of the caller's organization, or None where there is none or `row_id` is None."""
        if row_id is None:
            return None
        load = partial(find.by_ids, model, self.caller.organization.id)
        return await self._loader(("row", model), load, None).load(row_id)

    async def locations_of(self, promotion_id: int) -> list[Location]:
        """The locations that a promotion is linked to."""
        none: list[Location] = []
        load = partial(find.locations_of_promotions, self.caller.organization.id)
        return await self._loader("locations", load, none).load(promotion_id)

    async def page_below(
        self, rows: listing.Listing[listing.Row], parent: listing.Parent, parent_id: int, request: listing.PageRequest
    ) -> listing.Page[listing.Row]:
        """A page of the rows of a list below one parent; those below its siblings come by the same statement."""
        empty: listing.Page[listing.Row] = listing.Page()
        load = partial(rows.pages_below, parent, request=request)
        return await self._loader(("page", rows, parent, request), load, empty).load(parent_id)

    async def count_below(self, rows: listing.Listing[listing.Row], parent: listing.Parent, parent_id: int) -> int:
        """The number of rows of a list below one parent; those below its siblings come by the same statement."""
        load = partial(rows.counts_below, parent)
        return await self._loader(("count", rows, parent), load, 0).load(parent_id)

    def _loader(
        self, key: Hashable, load: Callable[[Sequence[int]], Awaitable[Mapping[int, T]]], absent: T
    ) -> DataLoader[int, T]:
        """The data loader of a key, which fetches values by the ids of rows; made when it is first asked for."""
        if key in self._loaders:
            return self._loaders[key]
        one_by_one = asyncio.Lock()  # many rows come one batch after another, and not all of them in one moment

        async def in_order(ids: list[int]) -> list[T]:
            async with one_by_one:
                values = await load(ids)
            return [values.get(row_id, absent) for row_id in ids]

        loader = self._loaders[key] = DataLoader(load_fn=in_order, max_batch_size=MAX_BATCH)
        return loader


Info: TypeAlias = StrawberryInfo[Context, None]
