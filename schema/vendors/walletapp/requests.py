"""Reads the bodies of WalletApp's clients: numbers and booleans also as strings, names also with underscores.

All invalid fields are reported at once, in the sentences of its framework (inference, choice).
"""

from dataclasses import dataclass, field

from resolvers.domain import params, validate
from resolvers.domain.refusals import InvalidInput
from schema.vendors.kit import Json
from schema.vendors.walletapp.errors import InvalidFields

MAX_CODES = 10_000
"""Codes of one call, as all of them are in its response (choice)."""

MAX_NAME_CHARS = 200
BOOLEANS = {"1": True, "true": True, "0": False, "false": False}


@dataclass(frozen=True)
class OrganizationRef:
    """A reference to an organization, by its identifier or else by its number."""

    identifier: str | None
    number: int | None


@dataclass(frozen=True)
class Fields:
    """Reads a request's members one after another, and collects their errors for `raise_errors`."""

    body: dict[str, Json]
    errors: dict[str, list[str]] = field(default_factory=dict)

    def raise_errors(self) -> None:
        """Raises InvalidFields with every error so far, if there is one."""
        if self.errors:
            raise InvalidFields(self.errors)

    def _add_error(self, name: str, complaint: str) -> None:
        label = name.replace("_", " ")
        self.errors.setdefault(name, []).append(f"The {label} field {complaint}.")

    def _value(self, name: str, *aliases: str) -> Json:
        """The first of these members with a value; null and a blank string are none."""
        values = (self.body.get(each) for each in (name, *aliases))
        present = (v for v in values if v is not None and not (isinstance(v, str) and not v.strip()))
        return next(present, None)

    def text(self, name: str, *aliases: str) -> str:
        """A required string; empty if it is invalid."""
        value = self._value(name, *aliases)
        if value is None:
            self._add_error(name, "is required")
        elif not isinstance(value, str):
            self._add_error(name, "must be a string")
        elif not is_storable(value):
            self._add_error(name, "has characters that are none")
        else:
            return value.strip()
        return ""

    def person(self) -> params.Person:
        """The recipient [seed]; `first_name` and `last_name` are the names in the promotions' pages [doc]."""
        first, last = self.text("firstname", "first_name"), self.text("lastname", "last_name")
        for name, value in (("firstname", first), ("lastname", last)):
            if len(value) > MAX_NAME_CHARS:
                self._add_error(name, f"must not be greater than {MAX_NAME_CHARS} characters")
        email = self.text("email")
        if email and not is_email(email):
            self._add_error("email", "must be a valid email address")
        return params.Person(email, first, last)

    def organization(self, *names: str) -> OrganizationRef:
        """The organization [seed], by the first of these members with a value.

        An `organization_id` is its number or, if it is not numeric, its identifier (choice).
        """
        name = next((each for each in names if self._value(each) is not None), names[0])
        number = whole_number(self._value(name)) if name == "organization_id" else None
        return OrganizationRef(None, number) if number is not None else OrganizationRef(self.text(name), None)

    def flag(self, name: str) -> bool:
        """A required boolean [seed]; also as a string or number (choice)."""
        value = self._value(name)
        result = BOOLEANS.get(str(value).strip().lower()) if isinstance(value, bool | int | float | str) else None
        if value is None:
            self._add_error(name, "is required")
        elif result is None:
            self._add_error(name, "must be true or false")
        return bool(result)

    def amount(self, name: str) -> int:
        """The number of codes, as a string [seed] or a number (choice)."""
        value, number = self._value(name), whole_number(self._value(name))
        if value is None:
            self._add_error(name, "is required")
        elif number is None or not 1 <= number <= MAX_CODES:
            self._add_error(name, f"must be a whole number from 1 to {MAX_CODES}")
        return number or 0

    def number(self, name: str) -> int | None:
        """An optional number; an invalid one is ignored (choice)."""
        number = whole_number(self._value(name))
        return number if number is not None and 1 <= number <= validate.MAX_INT else None


def whole_number(value: Json) -> int | None:
    """A whole number, also written as a decimal string; None for anything else."""
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value) <= 20:
        return int(value)
    return value if type(value) is int else None


def is_storable(value: str) -> bool:
    """Whether a string has no NUL and no lone surrogate."""
    try:
        return bool(validate.storable(value))
    except InvalidInput:
        return False


def is_email(value: str) -> bool:
    """Whether a string is a valid e-mail address."""
    try:
        return bool(validate.email(value))
    except InvalidInput:
        return False
