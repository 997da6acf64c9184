"""The nouns of the schema: object types with an id; `of` makes each of its database row."""

from collections.abc import Awaitable, Callable
from datetime import datetime

import strawberry
from strawberry.scalars import JSON

from db import models, statuses
from db.enums import ClaimStatus, CodeStatus, DeliveryStatus, JobStatus, PromotionStatus
from resolvers import find, listing
from resolvers.authenticate import Right
from schema import pages
from schema.graphql import ids
from schema.graphql.connections import PAGE_SIZE, Connection, connect, connect_below
from schema.graphql.context import Context, Info
from schema.graphql.filters import ClaimFilter, CodeFilter, PromotionFilter, UsageInput
from schema.graphql.public import Public
from schema.graphql.scalars import BigInt
from schema.graphql.usage import UsageStat, usage
from schema.graphql.value_types import Discount, Letter, Limits, Money, Order, Window


@strawberry.interface(description="Something with an opaque id, by which `node` finds it again.")
class Node:
    id: strawberry.ID


@strawberry.type(description="A place where codes may be used.")
class Location(Node):
    number: int
    name: str
    is_default: bool

    @classmethod
    def of(cls, row: models.Location) -> "Location":
        return cls(id=ids.pack("Location", row.id), number=row.number, name=row.name, is_default=row.is_default)


@strawberry.type(description="A thing that codes may be used for.")
class Product(Node):
    number: int
    title: str

    @classmethod
    def of(cls, row: models.Product) -> "Product":
        return cls(id=ids.pack("Product", row.id), number=row.number, title=row.title)


@strawberry.type(description="The rule that codes belong to: discount, window, limits.")
class Promotion(Node):
    row: strawberry.Private[models.Promotion]
    number: int = strawberry.field(description="LP Motor's promo id.")
    reference: str = strawberry.field(description="WalletApp's promotion_reference.")
    identifier: str = strawberry.field(description="WalletApp's promotion_identifier.")
    name: str = strawberry.field(directives=[Public()])
    is_enabled: bool
    position: int
    discount: Discount = strawberry.field(directives=[Public()])
    window: Window = strawberry.field(directives=[Public()])
    limits: Limits
    letter: Letter
    claim_count: BigInt = strawberry.field(description="Always counted, limit or no limit; deleting keeps it.")
    metadata: JSON
    version: int = strawberry.field(description="Goes up with each change.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: models.Promotion) -> "Promotion":
        return cls(
            id=ids.pack("Promotion", row.id),
            row=row,
            number=row.number,
            reference=row.reference,
            identifier=row.identifier,
            name=row.name,
            is_enabled=row.is_enabled,
            position=row.position,
            discount=Discount.of(row),
            window=Window.of(row),
            limits=Limits.of(row),
            letter=Letter(subject=row.letter_subject, body=row.letter_body),
            claim_count=BigInt(row.claim_count),
            metadata=JSON(row.metadata),
            version=row.version,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field(description="The first that holds of DISABLED, SCHEDULED, ENDED, SPENT; else ACTIVE.")
    def status(self, info: Info) -> PromotionStatus:
        return statuses.of_promotion(self.row, info.context.caller.now)

    @strawberry.field(description="Where it holds; empty: everywhere.")
    async def locations(self, info: Info) -> list[Location]:
        info.context.require(Right.MANAGE)
        return [Location.of(row) for row in await info.context.locations_of(self.row.id)]

    @strawberry.field
    async def codes(
        self, info: Info, filter: CodeFilter | None = None, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection["Code"]:
        conditions = filter.to_params() if filter else listing.CodeFilter()
        info.context.remember_promotion(self.row)
        rows = listing.codes(info.context.caller.organization.id, conditions, info.context.caller.now)
        return await connect_below(info, Code.of, rows, models.Promotion, self.row.id, first, after)

    @strawberry.field
    async def claims(
        self, info: Info, filter: ClaimFilter | None = None, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection["Claim"]:
        conditions = filter.to_params() if filter else listing.ClaimFilter()
        rows = listing.claims(info.context.caller.organization.id, conditions)
        return await connect_below(info, Claim.of, rows, models.Promotion, self.row.id, first, after)

    @strawberry.field
    async def usage_stats(self, info: Info, input: UsageInput | None = None) -> list[UsageStat]:
        return await usage(info, input, self.row.id)


@strawberry.type(description="Where codes live; a code's text is unique here.")
class Organization(Node):
    row: strawberry.Private[models.Organization]
    number: int = strawberry.field(description="LP Motor's site_id, WalletApp's organization_id.")
    identifier: str = strawberry.field(description="WalletApp's organization_identifier.")
    name: str
    time_zone: str = strawberry.field(description="IANA name.")
    currency: str = strawberry.field(description="ISO 4217.")

    @classmethod
    def of(cls, row: models.Organization) -> "Organization":
        return cls(
            id=ids.pack("Organization", row.id),
            row=row,
            number=row.number,
            identifier=row.identifier,
            name=row.name,
            time_zone=row.time_zone,
            currency=row.currency,
        )

    @strawberry.field(
        description="How many of its live codes strangers could find by guessing: more than one in 100 million guesses"
        " hits them. Claims that guess at them are held up. Counted anew within 5 seconds; where there are"
        " millions of codes, as of the last count."
    )
    async def codes_at_risk(self, info: Info) -> int:
        caller = info.context.caller
        return await caller.services.rate_limits.budgets.at_risk(self.row.id, caller.now)

    @strawberry.field
    async def locations(self) -> list[Location]:
        return [Location.of(row) for row in await find.locations_of_organization(self.row.id)]

    @strawberry.field
    async def products(self) -> list[Product]:
        return [Product.of(row) for row in await find.products_of_organization(self.row.id)]

    @strawberry.field
    async def promotions(
        self, info: Info, filter: PromotionFilter | None = None, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection[Promotion]:
        conditions = filter.to_params() if filter else listing.PromotionFilter()
        rows = listing.promotions(self.row.id, conditions, info.context.caller.now)
        return await connect(info, Promotion.of, rows, first, after)

    @strawberry.field
    async def usage_stats(self, info: Info, input: UsageInput | None = None) -> list[UsageStat]:
        return await usage(info, input, None)


@strawberry.type(description="Lancero's lead, WalletApp's user: a person, one e-mail an organization.")
class Customer(Node):
    id: strawberry.ID = strawberry.field(directives=[Public()])
    row: strawberry.Private[models.Customer]
    email: str = strawberry.field(directives=[Public()], description='"" once the customer was deleted.')
    created_at: datetime = strawberry.field(directives=[Public()])

    @classmethod
    def of(cls, row: models.Customer) -> "Customer":
        return cls(id=ids.pack("Customer", row.id), row=row, email=row.email or "", created_at=row.created_at)

    @strawberry.field(directives=[Public()], description="A public key is told the name that it sent itself.")
    def first_name(self, info: Info) -> str | None:
        named = info.context.named_customers.get(self.row.email_key or "")
        return (named.first_name if named else None) if info.context.caller.is_public else self.row.first_name

    @strawberry.field(directives=[Public()])
    def last_name(self, info: Info) -> str | None:
        named = info.context.named_customers.get(self.row.email_key or "")
        return (named.last_name if named else None) if info.context.caller.is_public else self.row.last_name

    @strawberry.field
    async def claims(self, info: Info, first: int = PAGE_SIZE, after: str | None = None) -> Connection["Claim"]:
        rows = listing.claims(info.context.caller.organization.id, listing.ClaimFilter())
        return await connect_below(info, Claim.of, rows, models.Customer, self.row.id, first, after)


@strawberry.type(description="Who was given the code, when, and where and for what.")
class Activation:
    row: strawberry.Private[models.Code]
    at: datetime
    off_peak: bool

    @strawberry.field
    async def customer(self, info: Info) -> Customer:
        return Customer.of(await info.context.row(models.Customer, self.row.activated_by_id or 0))

    @strawberry.field
    async def location(self, info: Info) -> Location | None:
        row = await info.context.row_or_none(models.Location, self.row.activated_location_id)
        return Location.of(row) if row else None

    @strawberry.field
    async def product(self, info: Info) -> Product | None:
        row = await info.context.row_or_none(models.Product, self.row.activated_product_id)
        return Product.of(row) if row else None


@strawberry.type(description="A text that can be claimed.")
class Code(Node):
    row: strawberry.Private[models.Code]
    text: str = strawberry.field(
        directives=[Public()],
        description="As issued; matched without regard to case, spaces and dashes of every kind.",
    )
    window: Window = strawberry.field(directives=[Public()])
    allowed_claims: int | None = strawberry.field(description="Null: no limit of its own.")
    claim_count: BigInt
    remaining_claims: int | None
    is_enabled: bool
    metadata: JSON
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: models.Code) -> "Code":
        allowed = row.allowed_claims
        return cls(
            id=ids.pack("Code", row.id),
            row=row,
            text=row.text,
            window=Window.of(row),
            allowed_claims=allowed,
            claim_count=BigInt(row.claim_count),
            remaining_claims=None if allowed is None else max(0, allowed - row.claim_count),
            is_enabled=row.is_enabled,
            metadata=JSON(row.metadata),
            created_at=row.created_at,
            updated_at=row.updated_at,
        )

    @strawberry.field(
        directives=[Public()],
        description="The first that holds of DISABLED, NOT_ACTIVATED, SCHEDULED, EXPIRED, EXHAUSTED; else CLAIMABLE.",
    )
    def status(self, info: Info) -> CodeStatus:
        now = info.context.caller.now
        return info.context.with_promotion(self.row, lambda promotion: statuses.of_code(self.row, promotion, now))

    @strawberry.field(directives=[Public()])
    def promotion(self, info: Info) -> Promotion:
        return info.context.with_promotion(self.row, Promotion.of)

    @strawberry.field(description="Only this customer may claim it.")
    async def reserved_for(self, info: Info) -> Customer | None:
        row = await info.context.row_or_none(models.Customer, self.row.reserved_for_id)
        return Customer.of(row) if row else None

    @strawberry.field(description="Null: it never needed one, or still does.")
    def activation(self) -> Activation | None:
        at = self.row.activated_at
        return Activation(row=self.row, at=at, off_peak=self.row.off_peak) if at else None

    @strawberry.field(directives=[Public()], description="A page that opens: the code, its QR, until when.")
    def url(self, info: Info) -> str:
        caller = info.context.caller
        return pages.url(caller.services.public_url, caller.organization, self.row.id)

    @strawberry.field
    async def claims(
        self, info: Info, filter: ClaimFilter | None = None, first: int = PAGE_SIZE, after: str | None = None
    ) -> Connection["Claim"]:
        conditions = filter.to_params() if filter else listing.ClaimFilter()
        rows = listing.claims(info.context.caller.organization.id, conditions)
        return await connect_below(info, Claim.of, rows, models.Code, self.row.id, first, after)

    @strawberry.field
    async def deliveries(self, info: Info, first: int = PAGE_SIZE, after: str | None = None) -> Connection["Delivery"]:
        rows = listing.deliveries(info.context.caller.organization.id, None)
        return await connect_below(info, Delivery.of, rows, models.Code, self.row.id, first, after)


@strawberry.type(description="One customer's use of one code.")
class Claim(Node):
    id: strawberry.ID = strawberry.field(directives=[Public()])
    row: strawberry.Private[models.Claim]
    order: Order | None = strawberry.field(directives=[Public()])
    discount: Money | None = strawberry.field(
        directives=[Public()], description="What this claim took off the order, by the one rounding rule."
    )
    status: ClaimStatus = strawberry.field(directives=[Public()])
    released_at: datetime | None
    release_reason: str | None
    created_at: datetime = strawberry.field(directives=[Public()])

    @classmethod
    def of(cls, row: models.Claim) -> "Claim":
        total = Money.of_minor(row.order_total, row.currency)
        has_order = row.order_reference is not None or total is not None or row.order_quantity is not None
        return cls(
            id=ids.pack("Claim", row.id),
            row=row,
            order=Order(reference=row.order_reference, total=total, quantity=row.order_quantity) if has_order else None,
            discount=Money.of_minor(row.discount, row.currency),
            status=statuses.of_claim(row),
            released_at=row.released_at,
            release_reason=row.release_reason,
            created_at=row.created_at,
        )

    @strawberry.field(directives=[Public()])
    async def code(self, info: Info) -> Code:
        return Code.of(await info.context.row(models.Code, self.row.code_id))

    @strawberry.field(directives=[Public()])
    async def customer(self, info: Info) -> Customer:
        return Customer.of(await info.context.row(models.Customer, self.row.customer_id))

    @strawberry.field
    async def location(self, info: Info) -> Location | None:
        row = await info.context.row_or_none(models.Location, self.row.location_id)
        return Location.of(row) if row else None


@strawberry.type(description="One letter to one recipient.")
class Delivery(Node):
    row: strawberry.Private[models.Delivery]
    recipient: str
    status: DeliveryStatus
    attempts: int
    last_error: str | None
    queued_at: datetime
    sent_at: datetime | None

    @classmethod
    def of(cls, row: models.Delivery) -> "Delivery":
        return cls(
            id=ids.pack("Delivery", row.id),
            row=row,
            recipient=row.recipient,
            status=row.status,
            attempts=row.attempts,
            last_error=row.last_error,
            queued_at=row.created_at,
            sent_at=row.sent_at,
        )

    @strawberry.field
    async def code(self, info: Info) -> Code:
        return Code.of(await info.context.row(models.Code, self.row.code_id))


@strawberry.type(description="Codes that are made in the background: claimable together when done.")
class Job(Node):
    status: JobStatus
    total: int
    done: int = strawberry.field(description="How many of them there are; those of a failed job are removed.")
    error: str | None
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, row: models.Job) -> "Job":
        return cls(
            id=ids.pack("Job", row.id),
            status=row.status,
            total=row.total,
            done=row.done,
            error=row.error,
            created_at=row.created_at,
            finished_at=row.finished_at,
        )


def _by_id(model: type[find.Row], of: Callable[[find.Row], Node]) -> Callable[[Context, int], Awaitable[Node | None]]:
    async def load(context: Context, number: int) -> Node | None:
        row = await context.row_or_none(model, number)
        return None if row is None else of(row)

    return load


NODES: dict[str, tuple[type[Node], Callable[[Context, int], Awaitable[Node | None]]]] = {
    "Organization": (Organization, _by_id(models.Organization, Organization.of)),
    "Location": (Location, _by_id(models.Location, Location.of)),
    "Product": (Product, _by_id(models.Product, Product.of)),
    "Promotion": (Promotion, _by_id(models.Promotion, Promotion.of)),
    "Code": (Code, _by_id(models.Code, Code.of)),
    "Customer": (Customer, _by_id(models.Customer, Customer.of)),
    "Claim": (Claim, _by_id(models.Claim, Claim.of)),
    "Delivery": (Delivery, _by_id(models.Delivery, Delivery.of)),
    "Job": (Job, _by_id(models.Job, Job.of)),
}
"""The types that an opaque id may be of: GraphQL type, and the object with a row's number, by the type's name."""
