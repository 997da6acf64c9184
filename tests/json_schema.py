"""Checks values by JSON Schema, as far as OpenAPI's descriptions of the doors use it."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

ANNOTATIONS = {"title", "description", "default", "examples"}
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def errors(value: Any, schema: Mapping[str, Any], document: Mapping[str, Any], place: str = "") -> Iterator[str]:
    """Where a value is not as a schema of a document says, and how."""
    for keyword, rule in schema.items():
        yield from _broken(value, keyword, rule, schema, document, place)


def _broken(
    value: Any, keyword: str, rule: Any, schema: Mapping[str, Any], document: Mapping[str, Any], place: str
) -> Iterator[str]:
    if keyword in ANNOTATIONS:
        return
    if keyword == "$ref":
        yield from errors(value, resolve(rule, document), document, place)
    elif keyword == "anyOf":
        if all(any(errors(value, each, document, place)) for each in rule):
            yield f"{place}: {value!r} is none of {rule}"
    elif keyword in ("const", "enum"):
        if not any(value == one and type(value) is type(one) for one in ([rule] if keyword == "const" else rule)):
            yield f"{place}: {value!r} is not {rule!r}"
    elif keyword == "type":
        if not isinstance(value, TYPES[rule]) or (isinstance(value, bool) and rule != "boolean"):
            yield f"{place}: {value!r} is not of type {rule}"
    elif isinstance(value, dict):
        yield from _broken_object(value, keyword, rule, schema, document, place)
    elif isinstance(value, list):
        assert keyword == "items", keyword
        for number, each in enumerate(value):
            yield from errors(each, rule, document, f"{place}[{number}]")
    elif isinstance(value, str):
        yield from (f"{place}: {error}" for error in _broken_text(value, keyword, rule))


def _broken_object(
    value: dict[str, Any], keyword: str, rule: Any, schema: Mapping[str, Any], document: Mapping[str, Any], place: str
) -> Iterator[str]:
    if keyword == "required":
        yield from (f"{place}: {name} is missing" for name in rule if name not in value)
    elif keyword == "properties":
        for name, member in value.items():
            yield from errors(member, rule.get(name, {}), document, f"{place}.{name}")
    else:
        assert keyword == "additionalProperties", keyword
        for name, member in value.items():
            if name not in schema.get("properties", {}):
                yield from errors(member, rule, document, f"{place}.{name}")


def _broken_text(value: str, keyword: str, rule: Any) -> Iterator[str]:
    if keyword == "pattern":
        if not re.search(rule, value):
            yield f"{value!r} does not match {rule}"
    elif keyword in ("minLength", "maxLength"):
        if not (len(value) >= rule if keyword == "minLength" else len(value) <= rule):
            yield f"{value!r} has not {keyword} {rule}"
    else:
        assert (keyword, rule) == ("format", "date-time"), (keyword, rule)
        try:
            datetime.fromisoformat(value)
        except ValueError:
            yield f"{value!r} is no instant"


def resolve(reference: str, document: Mapping[str, Any]) -> Any:
    """What a `$ref` within a document leads to."""
    found: Any = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found
