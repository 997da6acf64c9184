"""Bodies and answers of LP Motor's API, as OpenAPI describes them; nothing is parsed or validated by these models.

Marks: [doc] and [seed] are recorded facts, a choice is ours (docs/vendors/lpmotor.md).
"""

from datetime import datetime
from functools import partial
from typing import Literal

from pydantic import BaseModel, Field

from schema.vendors import kit

Flag = bool | Literal[0, 1, "0", "1", "true", "false"]
"""A switch, as the vendor itself mixes them [doc]."""
Number = int | float | str
"""A number, also as a string (choice)."""

# ------------------------------------------------------------------ bodies


class PromoChange(BaseModel):
    """The body of a change: the fields that change [seed]."""

    user_id: int | str = Field(0, description="The same as the header's")
    code: str = Field("", description="The text that a buyer types", examples=["newpromocode"])
    is_enabled: Flag = True
    bonus_type: Number = Field(0, description="A whole number that is kept; its values are written nowhere")
    bonus_amount: Number = Field(0, description="Percent, or else whole units of the site's currency (choice)")
    bonus_amount_is_in_percentages: Flag = False
    time_limit_is_enabled: Flag = False
    d_on: datetime | None = Field(None, description="From when it holds, if `time_limit_is_enabled`")
    d_off: datetime | None = Field(None, description="Until when it holds, if `time_limit_is_enabled`")
    quantity_limit_is_enabled: Flag = False
    quantity_limit: Number = Field(0, description="How many uses, if `quantity_limit_is_enabled`")
    personal_limit_is_enabled: Flag = Field(False, description="Whether a buyer may use it once")


class NewPromo(PromoChange):
    """The body of a new promo [seed]: its site and its code; the other fields may be left out [seed]."""

    site_id: int | str = Field(description="The site's number", examples=[11111])
    code: str = Field(description="The text that a buyer types", examples=["mypromocode"])


# ------------------------------------------------------------------ answers


class PromoInAnswer(BaseModel):
    """The fields that each promo has in each answer [seed]."""

    code: str
    is_enabled: bool
    bonus_type: int
    bonus_amount: float
    bonus_amount_is_in_percentages: bool
    time_limit_is_enabled: bool
    d_on: datetime | None
    d_off: datetime | None
    quantity_limit_is_enabled: bool
    quantity_limit: int


class ShownPromo(PromoInAnswer):
    """A promo by its id, or as it was made or changed [seed]; that it has the list's fields too is a choice."""

    personal_limit_is_enabled: bool
    id: int = kit.absent("The promo's id")
    pos: int = kit.absent("The position in the list")
    promo_used_count: int = kit.absent("Uses so far")
    is_valid: bool = kit.absent("Whether it can be used now")


class ListedPromo(PromoInAnswer):
    """A promo in a list [seed]; that it tells its personal limit is a choice."""

    id: int
    pos: int
    promo_used_count: int
    is_valid: bool
    personal_limit_is_enabled: bool = kit.absent("Whether a buyer may use it once")


class UsedCode(BaseModel):
    """The code of a use [seed]."""

    code: str


class PromoUse(BaseModel):
    """A row of the statistics: one use [seed]."""

    id: int
    promo_id: int
    lead_id: int = Field(description="The claim's number (choice)")
    bonus_type_id: int
    bonus_amount: float = Field(description="At the time of use")
    bonus_amount_is_in_percentages: Literal[0, 1]
    order_price: float
    order_quantity: int
    discount_amount: float
    promo: UsedCode
    d_lead_created: datetime
    currency: str


class Deleted(BaseModel):
    """An empty object, after a promo is deleted (choice)."""


class LPMotorFailure(BaseModel):
    """An error [doc]."""

    title: str = Field(examples=["user cant view site"])
    error: int = Field(description="The vendor's number of the error; 0 for none", examples=[30])
    code: int = Field(description="The status", examples=[403])


failures = partial(kit.failures, LPMotorFailure)
"""Descriptions of failures with these statuses."""
