"""Bodies and answers of Lancero's API, as OpenAPI describes them; nothing is parsed or validated by these models.

Marks: [doc] and [seed] are recorded facts, a choice is ours (docs/vendors/lancero.md).
"""

from datetime import datetime
from functools import partial
from typing import Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from schema.vendors import kit

Data = TypeVar("Data")


class LanceroModel(BaseModel):
    """An object with names in camel case [doc]; members that nobody knows are ignored."""

    model_config = ConfigDict(alias_generator=to_camel)


# ------------------------------------------------------------------ bodies


class ClaimBody(LanceroModel):
    """The body of `POST /codes/claim` [seed]."""

    code: str = Field(description="The code to claim", examples=["fantastic-apple"])
    email: str = Field(description="The customer's e-mail address", examples=["hello@lancero.app"])


class GenerateBody(LanceroModel):
    """The body of `POST /codes/generate` [seed]; numbers may be strings (choice)."""

    amount: int | str = Field(1, description="How many codes, from 1 to 10,000 (choice)", examples=[2])
    valid_from: datetime | None = Field(None, description="From when a code may be claimed")
    valid_until: datetime | None = Field(None, description="Until when a code may be claimed [doc]")
    allowed_claims: int | str = Field(1, description="How many customers may claim a code", examples=[10])
    reserved_for: str | None = Field(None, description="The e-mail address of the lead who may claim it")
    type: Literal["creative", "alphanumeric", "numeric"] | None = Field("creative", description="The kind of text")


class SendBody(LanceroModel):
    """The body of `POST /codes/send` [seed]."""

    code: str = Field(description="The code to send")
    emails: list[str] | str = Field(description="The leads' e-mail addresses; one may be a string (choice)")


class CodeBody(LanceroModel):
    """The body of `/codes/delete` [seed]."""

    code: str = Field(description="The code to delete")


class ExchangeBody(LanceroModel):
    """The body of `POST /claims/exchange` [doc]."""

    token: str = Field(description="A claim's token, good for 60 seconds", examples=["18553c856c0462412672d416"])


class NewLeadBody(LanceroModel):
    """The body of `POST /leads/create` [doc]."""

    email: str = Field(examples=["dries@lancero.app"])
    firstname: str | None = None
    lastname: str | None = None
    referral_code: str | None = Field(None, description="The referral code of the lead who brought this one")
    notes: str | None = None
    waitlist: bool | None = Field(False, description="Whether the lead is on the waitlist")


class LeadBody(LanceroModel):
    """The body of `/leads/delete` [doc]."""

    email: str


class VisitBody(LanceroModel):
    """The body of `POST /projects/addvisit` [doc], of which nothing is kept (choice)."""

    referred_site: str | None = None
    ip: str | None = None
    country: str | None = None


# ------------------------------------------------------------------ answers


class EmailReference(LanceroModel):
    """A lead by its address [doc]."""

    email: str


class LanceroCode(LanceroModel):
    """An `ICode` [doc]."""

    code: str
    allowed_claims: int = Field(description="2147483647 for a code without a limit (choice)")
    valid_from: datetime | None
    valid_until: datetime | None
    reserved_for: EmailReference = kit.absent("Only of a reserved code")
    claims: int = Field(description="How often it has been claimed")
    created_at: datetime
    updated_at: datetime


class Referrer(LanceroModel):
    """The lead who brought another [doc]."""

    email: str
    referral_code: str


class Lead(LanceroModel):
    """An `ILead` [doc]; names and notes that nobody gave are empty (choice)."""

    firstname: str
    lastname: str
    email: str
    notes: str
    has_claimed_code: bool
    on_waitlist: bool
    referral_code: str = Field(description="8 characters", min_length=8, max_length=8)
    referred_by: Referrer = kit.absent("Only of a lead whom another brought")
    referred_leads: list[EmailReference]
    created_at: datetime
    updated_at: datetime


class ClaimToken(LanceroModel):
    """What a claim gives [doc]."""

    token: str = Field(description="24 hexadecimal digits", pattern="^[0-9a-f]{24}$")


class SentCount(LanceroModel):
    """What sending gives [doc]; what each counts is a choice."""

    received_leads: int = Field(description="Different addresses in the request")
    notified_leads: int = Field(description="Letters that are queued now")


class ExchangedClaim(LanceroModel):
    """A claim's lead, also as `customer`, and its code [doc]."""

    lead: Lead
    customer: Lead
    code: LanceroCode


class LanceroSuccess(LanceroModel, Generic[Data]):
    """The envelope of every success [doc]."""

    success: Literal[True]
    data: Data


class CustomerSuccess(LanceroSuccess[Data], Generic[Data]):
    """The envelope below `/customers`, the name of leads until 2022 [doc]."""

    customer: Data


class VisitAccepted(LanceroModel):
    """The answer to a visit, which no client reads [doc]."""

    success: Literal[True]


class LanceroFailure(LanceroModel):
    """An error [doc]: `message` is what users of the SDK see, the other members' values are choices."""

    code: int = Field(description="The status", examples=[404])
    error: str = Field(description="The status' phrase", examples=["Not Found"])
    message: str = Field(examples=["That code was not found"])
    time: int = Field(description="Milliseconds since 1970", examples=[1637862127647])


failures = partial(kit.failures, LanceroFailure)
"""Descriptions of failures with these statuses."""
