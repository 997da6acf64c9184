"""Bodies and answers of WalletApp's API, as OpenAPI describes them; nothing is parsed or validated by these models.

Marks: [doc] and [seed] are recorded facts, a choice is ours (docs/vendors/walletapp.md).
"""

from datetime import datetime
from functools import partial
from typing import Literal

from pydantic import BaseModel, Field

from schema.vendors import kit

Number = int | str
"""A whole number, also as a string, as in the documented samples [seed]."""

# ------------------------------------------------------------------ bodies


class Recipient(BaseModel):
    """The person for whom a code is activated [seed]."""

    firstname: str = Field(description="Also `first_name` [doc]")
    lastname: str = Field(description="Also `last_name` [doc]")
    email: str


class ActivationBody(Recipient):
    """The body of `webshopcode` [seed]."""

    code: str = Field(description="The code to activate")
    promotion_reference: str = Field(description="Also `promotion_identifier` (choice)")
    organization_identifier: str = Field(description="Also `organization_id` (choice)")
    location_id: Number | None = Field(None, description="Used if it is linked with the promotion")


class IssueBody(Recipient):
    """The body of `requestActivatePromotionCode` [seed]."""

    promotion_identifier: str = Field(description="Also `promotion_reference` (choice)")
    organization_identifier: str = Field(description="Also `organization_id` (choice)")
    off_peak_sale: bool | Number = Field(description="`true`, `false`, `1` or `0`, also as a string")
    product_id: Number | None = None
    location_id: Number | None = None


class GenerationBody(BaseModel):
    """The body of `createNonActivatedCodes` [seed]."""

    codes: Number = Field(description="How many codes, from 1 to 10,000 (choice)")
    promotion_reference: str = Field(description="Also `promotion_identifier` (choice)")
    organization_id: Number = Field(description="Also `organization_identifier` (choice)")


# ------------------------------------------------------------------ answers


class Activated(BaseModel):
    """The answer to an activation, which has nothing else [seed]."""

    success: Literal[True]
    message: Literal["Promotion code activated successfully"]


class IssuedCode(BaseModel):
    """A new code, activated [seed]."""

    code: str
    expiration_date: datetime | None = Field(description="Null if it never ends (choice)")
    url: str = Field(description="The page of the code")
    product_title: str = kit.absent("Only with a valid `product_id`")


class Issued(BaseModel):
    """The answer with a new code: an array of one [seed]."""

    success: Literal[True]
    message: Literal["Promotion code created and activated successfully"]
    result: list[IssuedCode]


class GeneratedCode(BaseModel):
    """A code that is not activated yet [seed]."""

    code: str


class Generated(BaseModel):
    """The answer with codes that are not activated yet [seed]."""

    success: Literal[True]
    message: Literal["Promotion codes created successfully"]
    codes: list[GeneratedCode]


class WalletAppFailure(BaseModel):
    """A failure (choice): `errors` has the sentences of each invalid field, and is absent without one."""

    success: Literal[False]
    message: str = Field(examples=["The email field is required."])
    errors: dict[str, list[str]] = kit.absent("Only of invalid fields")


failures = partial(kit.failures, WalletAppFailure)
"""Descriptions of failures with these statuses."""
