"""How a document is run: graphql-core's way, with a short one for fields that only read.

Most of a page's fields are plain attributes of one scalar or enum. On graphql-core's way each of them gets a
description of where it stands, its arguments and four type checks, for a resolver that looks at none of it.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

from graphql import GraphQLField, GraphQLObjectType, GraphQLSchema, Undefined, is_leaf_type, is_non_null_type
from graphql.execution import Executor as LongWay

from schema.graphql import calling


class Reading(NamedTuple):
    """A field that is an attribute: its name, how its value is written, and whether it may be absent."""

    attribute: str
    write: Callable[[Any], Any]
    is_optional: bool

    def of(self, source: Any) -> Any:
        """The field's value, or Undefined for what has to go the long way."""
        try:
            value = getattr(source, self.attribute)
            if value is None:
                return None if self.is_optional else Undefined
            written = self.write(value)
        except Exception:  # nothing is swallowed: the long way meets it again, and words it
            return Undefined
        return Undefined if written is None else written


Readings = dict[str, dict[str, Reading]]
Selections: TypeAlias = dict[Any, Any]
"""Which fields a document selects of what; the same each time it is run, but where a directive asks a variable."""


def readings(schema: GraphQLSchema) -> Readings:
    """The fields of a schema that only read, by their type and name."""
    return {
        name: {field: found for field, told in kind.fields.items() if (found := _reading(told))}
        for name, kind in schema.type_map.items()
        if isinstance(kind, GraphQLObjectType)
    }


def _reading(field: GraphQLField) -> Reading | None:
    told = calling.definition(field)
    kind: Any = field.type.of_type if is_non_null_type(field.type) else field.type
    if told is None or not told.is_basic_field or not is_leaf_type(kind):
        return None
    return Reading(told.python_name, kind.coerce_output_value, kind is field.type)


class Executor(LongWay[Any]):
    """Runs one document; `readings` are its schema's.

    What does not go the short way without trouble goes the long one, which has the words for it.
    """

    readings: Readings = {}  # noqa: RUF012 (one schema, one answer)

    def use(self, selections: Selections) -> None:
        """Look up there which fields are selected of what, and leave there what had to be found out."""
        self._relevant_sub_fields = selections

    def execute_collected_root_fields(self, root: Any, source: Any, fields: Any, *how: Any) -> Any:
        """The operation's own fields: those of its first run, as what is selected below goes by their identity."""
        _, fields = self._relevant_sub_fields.setdefault((root, id(self.operation)), (self.operation, fields))  # type: ignore[arg-type]
        return super().execute_collected_root_fields(root, source, fields, *how)

    def execute_fields(self, parent_type: Any, source: Any, path: Any, fields: Any, position: Any) -> Any:
        """An object's fields: at once where all of them only read."""
        readings = self.readings[parent_type.name]
        read = {}
        for name, details in fields.items():
            reading = readings.get(details[0].node.name.value)
            value = Undefined if reading is None else reading.of(source)
            if value is Undefined:
                return super().execute_fields(parent_type, source, path, fields, position)
            read[name] = value
        return read

    def execute_field(self, parent_type: Any, source: Any, details: Any, path: Any, position: Any) -> Any:
        """A field beside others that do more than reading."""
        reading = self.readings[parent_type.name].get(details[0].node.name.value)
        value = Undefined if reading is None else reading.of(source)
        return super().execute_field(parent_type, source, details, path, position) if value is Undefined else value
