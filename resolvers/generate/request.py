"""The requests and results of batches that generate codes."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from db.models import Code, Organization
from resolvers.domain import params
from resolvers.domain.code_format import Format
from resolvers.domain.validate import ValidPerson
from resolvers.idempotency import KeyedCall

OrganizationKey = tuple[int, str]
"""An organization's id, and an idempotency key or the key of a customer's address in it."""


class TextsTaken(Exception):
    """Raised when too few of the texts that were drawn are free; what was written is rolled back."""


class CodeActivation(NamedTuple):
    """The customer, location and product that new codes are activated for at once."""

    person: ValidPerson
    location_id: int | None
    product_id: int | None
    off_peak: bool


class GenerateRequest(NamedTuple):
    """A validated request for a few codes; `numbers` are of texts found free, None has them drawn blindly."""

    organization: Organization
    promotion: params.PromotionRef
    amount: int
    format: Format
    now: datetime
    call: KeyedCall | None = None
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    allowed_claims: params.Maybe[int | None] = params.ABSENT
    needs_activation: bool = False
    metadata: dict[str, object] = {}  # noqa: RUF012 (nobody writes to it)
    activation: CodeActivation | None = None
    numbers: Sequence[int] | None = None

    @property
    def key(self) -> OrganizationKey | None:
        """The idempotency key, with its organization."""
        return None if self.call is None else (self.organization.id, self.call.value)

    @property
    def customer(self) -> OrganizationKey | None:
        """The key of the customer that the codes are activated for, with the organization."""
        activation = self.activation
        return None if activation is None else (self.organization.id, activation.person.email_key)


class BatchResult(NamedTuple):
    """New codes, each with its promotion; or those of an earlier call with the same idempotency key."""

    codes: list[Code]
    replayed: bool
