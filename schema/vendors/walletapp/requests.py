"""Reading what WalletApp's clients send: numbers and booleans also as strings, names also with underscores.

All complaints are made at once, in sentences as its framework has them (inference, choice).
"""

from dataclasses import dataclass, field
from typing import Any

from resolvers.domain import params, validate
from resolvers.domain.refusals import InvalidInput
from schema.vendors.walletapp.errors import Invalid

MOST_CODES = 10_000
"""Codes that one call may ask for, as all of them are in its answer (choice)."""

LONGEST_NAME = 200
BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True)
class Named:
    """An organization as a request names it: by its identifier, or else by its number."""

    identifier: str | None
    number: int | None


@dataclass(frozen=True)
class Fields:
    """A request's members, read one after another; `checked` raises what was wrong with any of them."""

    body: dict[str, Any]
    errors: dict[str, list[str]] = field(default_factory=dict)

    def checked(self) -> None:
        """Raises Invalid with every complaint so far."""
        if self.errors:
            raise Invalid(self.errors)

    def _wrong(self, name: str, complaint: str) -> None:
        called = name.replace("_", " ")
        self.errors.setdefault(name, []).append(f"The {called} field {complaint}.")

    def _said(self, name: str, *aliases: str) -> Any:
        """The first of these members that says anything: null, and a string of spaces, say nothing."""
        values = (self.body.get(each) for each in (name, *aliases))
        said = (value for value in values if value is not None and not (isinstance(value, str) and not value.strip()))
        return next(said, None)

    def text(self, name: str, *aliases: str) -> str:
        """A string that must be there; what is complained of is read as an empty one."""
        value = self._said(name, *aliases)
        if value is None:
            self._wrong(name, "is required")
        elif not isinstance(value, str):
            self._wrong(name, "must be a string")
        elif not is_storable(value):
            self._wrong(name, "has characters that are none")
        else:
            return value.strip()
        return ""

    def person(self) -> params.Person:
        """Who gets the code [seed]; `first_name` and `last_name` are what the promotions' pages call them [doc]."""
        first, last = self.text("firstname", "first_name"), self.text("lastname", "last_name")
        for name, value in (("firstname", first), ("lastname", last)):
            if len(value) > LONGEST_NAME:
                self._wrong(name, f"must not be greater than {LONGEST_NAME} characters")
        email = self.text("email")
        if email and not is_email(email):
            self._wrong("email", "must be a valid email address")
        return params.Person(email, first, last)

    def organization(self, *names: str) -> Named:
        """An organization [seed], by the first of these members that is there.

        An `organization_id` is its number or, where it is none, its identifier (choice).
        """
        name = next((each for each in names if self._said(each) is not None), names[0])
        number = whole(self._said(name)) if name == "organization_id" else None
        return Named(None, number) if number is not None else Named(self.text(name), None)

    def flag(self, name: str) -> bool:
        """A boolean that must be there [seed]; as a string or number as well (choice)."""
        value = self._said(name)
        said = BOOLEANS.get(str(value).strip().lower()) if isinstance(value, bool | int | float | str) else None
        if value is None:
            self._wrong(name, "is required")
        elif said is None:
            self._wrong(name, "must be true or false")
        return bool(said)

    def amount(self, name: str) -> int:
        """How many to make, typed as a string [seed]; a number as well (choice)."""
        value, number = self._said(name), whole(self._said(name))
        if value is None:
            self._wrong(name, "is required")
        elif number is None or not 1 <= number <= MOST_CODES:
            self._wrong(name, f"must be a whole number from 1 to {MOST_CODES}")
        return number or 0

    def number(self, name: str) -> int | None:
        """A number that may be left out; nonsense is as good as none (choice)."""
        number = whole(self._said(name))
        return number if number is not None and 1 <= number <= validate.MAX_INT else None


def whole(value: Any) -> int | None:
    """A whole number, also written as a decimal string; None for anything else."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) <= 20:
        return int(value)
    return value if type(value) is int else None


def is_storable(value: str) -> bool:
    """Whether a string has no NUL and no half of a character."""
    try:
        return bool(validate.storable(value))
    except InvalidInput:
        return False


def is_email(value: str) -> bool:
    """Whether a string is an address."""
    try:
        return bool(validate.email(value))
    except InvalidInput:
        return False
