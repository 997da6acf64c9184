"""Model fields of our own, beside those of Tortoise."""

import json
from typing import TYPE_CHECKING

from tortoise import fields

if TYPE_CHECKING:
    JsonField = fields.Field[dict[str, object]]  # the type of the values, which Tortoise takes from the column's
else:
    JsonField = fields.TextField


def encode_json(value: object) -> str:
    """The text that a JsonText stores."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class JsonText(JsonField):
    """A column of JSON stored as text, so that both databases return exactly what was written.

    An object's attribute is the value itself: a JSON object, but for an idempotency key's answer, which is any value.
    """

    def to_db_value(self, value: object, instance: object) -> str:
        return encode_json(value)

    def to_python_value(self, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value
