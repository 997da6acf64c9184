"""Model fields of our own, beside those of Tortoise."""

import json

from tortoise import fields


def encode_json(value: object) -> str:
    """The text that a JsonText stores."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


class JsonText(fields.TextField):
    """A column of JSON stored as text, so that both databases return exactly what was written.

    An object's attribute is the value itself: a dict, list, str, number, bool or None.
    """

    def to_db_value(self, value: object, instance: object) -> str:
        return encode_json(value)

    def to_python_value(self, value: object) -> object:
        return json.loads(value) if isinstance(value, str) else value
