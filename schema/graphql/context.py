"""What GraphQL's resolvers share during one request: the caller, and rows fetched in batches."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

from strawberry.dataloader import DataLoader
from strawberry.types import Info as StrawberryInfo
from tortoise.queryset import QuerySet

from db.models import Code, Location, Promotion
from resolvers import find, listing
from resolvers.authenticate import Right
from resolvers.domain import validate
from resolvers.domain.params import Person
from resolvers.listing import Place
from schema import context
from schema.context import Caller
from schema.graphql.engine.turns import Turns

T = TypeVar("T")
FETCHED = 500
"""Rows, or parents of pages, that are asked for together at most: all who wait for them go on in one moment."""


@dataclass
class Context:
    """One document's: `introduced` are the customers that it named with a public key, by address."""

    caller: Caller
    turns: Turns = Turns()  # of a short answer, which waits for nobody
    introduced: dict[str, Person] = field(default_factory=dict)
    _promotions: dict[int, Promotion] = field(default_factory=dict)
    _loaders: dict[Hashable, DataLoader[int, Any]] = field(default_factory=dict)

    def demand(self, right: Right) -> None:
        """Raises NotAdmitted when the caller's key is not good for that."""
        context.demand(self.caller.holder, right)

    def introduce(self, customer: Person) -> None:
        """Remember whom a public key has named: it is told the names that it said, and no others."""
        if self.caller.is_public:
            self.introduced[validate.email(customer.email)[1]] = customer

    def know(self, promotion: Promotion) -> None:
        """Remember a promotion that came along, so that its codes need not ask for it."""
        self._promotions[promotion.id] = promotion

    def know_of(self, codes: Sequence[Code]) -> None:
        """Remember the promotions that came along with codes just made."""
        for code in codes:
            if (promotion := vars(code).get("_promotion")) is not None:
                self.know(promotion)

    async def know_promotions(self, codes: Sequence[Code]) -> None:
        """Fetch the promotions of codes before their fields ask for them one by one."""
        unknown = {code.promotion_id for code in codes} - self._promotions.keys()
        if unknown:
            self._promotions |= await find.nodes(Promotion, list(unknown))

    def with_promotion(self, code: Code, make: Callable[[Promotion], T]) -> T:
        """What is made of a code's promotion: at once where it is known, else an awaitable of it."""
        known = self._promotions.get(code.promotion_id)
        return make(known) if known is not None else self._with_promotion(code, make)  # type: ignore[return-value]

    async def _with_promotion(self, code: Code, make: Callable[[Promotion], T]) -> T:
        return make(await self.row(Promotion, code.promotion_id))

    async def row(self, model: type[Any], number: int) -> Any:
        """A row that is known to be there, fetched with all others of its kind that are asked for now."""
        found = await self._loader(model.__name__, lambda ids: find.nodes(model, ids)).load(number)
        if found is None:
            raise LookupError(f"{model.__name__} {number} is gone")
        return found

    async def row_or_none(self, model: type[Any], number: int | None) -> Any:
        """A row, or None where there is none or nobody asks for one."""
        if number is None:
            return None
        return await self._loader(model.__name__, lambda ids: find.nodes(model, ids)).load(number)

    async def locations_of(self, promotion_id: int) -> list[Location]:
        """The locations that a promotion is linked to."""
        return await self._loader("locations", find.locations_of_promotions, []).load(promotion_id)  # type: ignore[no-any-return]

    async def page_below(
        self, key: Hashable, found: QuerySet[Any], parent: str, number: int, after: Place | None, size: int
    ) -> list[Any]:
        """One parent's page; the same page of other parents comes in the same statement."""

        def load(ids: Sequence[int]) -> Awaitable[dict[int, Any]]:
            return listing.pages(found, parent, ids, after, size)

        return await self._loader(("page", key, parent, after, size), load, []).load(number)  # type: ignore[no-any-return]

    async def count_below(self, key: Hashable, found: QuerySet[Any], parent: str, number: int) -> int:
        """How many rows a parent has; other parents' come in the same statement."""

        def load(ids: Sequence[int]) -> Awaitable[dict[int, Any]]:
            return listing.counts(found, parent, ids)

        return await self._loader(("count", key, parent), load, 0).load(number)  # type: ignore[no-any-return]

    def _loader(
        self, key: Hashable, load: Callable[[Sequence[int]], Awaitable[dict[int, Any]]], absent: Any = None
    ) -> DataLoader[int, Any]:
        if key in self._loaders:
            return self._loaders[key]
        one_by_one = asyncio.Lock()  # many rows come one FETCHED after another, and not all of them in one moment

        async def in_order(ids: list[int]) -> list[Any]:
            async with one_by_one:
                found = await load(ids)
            return [found.get(number, absent) for number in ids]

        self._loaders[key] = DataLoader(load_fn=in_order, max_batch_size=FETCHED)
        return self._loaders[key]


Info: TypeAlias = StrawberryInfo[Context, None]
