"""Documents and variables for a schema, drawn by a seed: most are valid, some are not."""

import json
from dataclasses import dataclass
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
)

NO_LITERAL = "\0"


@dataclass
class Request:
    """A document, the variables and the name of the operation that it is sent with."""

    text: str
    variables: dict[str, Any]
    operation_name: str | None


class DocumentMaker:
    """Makes one document. Each operation uses variables of its own, fragments those that all operations have."""

    def __init__(self, draw: Random, schema: GraphQLSchema) -> None:
        self.draw, self.schema = draw, schema
        self.declared: dict[str, str] = {}
        self.values: dict[str, Any] = {}
        self.fragments: dict[str, tuple[str, str]] = {}
        self.fields = 0

    def request(self) -> Request:
        draw = self.draw
        kinds = ["query"] if draw.random() < 0.85 else ["mutation"]
        if draw.random() < 0.07:
            kinds.append(draw.choice(["query", "mutation"]))
        bodies = []
        for kind in kinds:
            root = self.schema.query_type if kind == "query" else self.schema.mutation_type
            bodies.append((kind, self.selections(root, 0)))
        declared = ", ".join(f"${name}: {kind}" for name, kind in self.declared.items())
        declared = f"({declared})" if declared else ""
        names = [f"Op{n}" if len(kinds) > 1 or declared or draw.random() < 0.2 else "" for n in range(len(kinds))]
        texts = [
            body if kind == "query" and not name else f"{kind} {name}{declared} {body}"
            for (kind, body), name in zip(bodies, names, strict=True)
        ]
        texts += [f"fragment {name} on {kind} {body}" for name, (kind, body) in self.fragments.items()]
        draw.shuffle(texts)
        chosen = draw.choice(names) or None
        if len(kinds) == 1 and draw.random() < 0.5:
            chosen = None
        variables = {name: value for name, value in self.values.items() if value != NO_LITERAL}
        return Request("\n".join(texts), variables, chosen)

    def selections(self, kind: Any, depth: int) -> str:
        draw = self.draw
        parts = []
        for _ in range(draw.choice([1, 1, 2, 3, 4])):
            chance = draw.random()
            if chance < 0.1 or isinstance(kind, GraphQLUnionType):
                part = self.fragment(kind, depth)
            else:
                part = self.field(kind, depth)
            parts.append(part)
        if draw.random() < 0.08:
            parts.append(draw.choice(parts))
        if draw.random() < 0.15:
            parts.append(draw.choice(["__typename", "kind: __typename"]) + self.directive())
        return "{ " + draw.choice([" ", ", ", "\n  "]).join(parts) + " }"

    def fragment(self, kind: Any, depth: int) -> str:
        draw = self.draw
        conditions = [kind]
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            conditions += self.schema.get_possible_types(kind)
        conditions += [each for each in getattr(kind, "interfaces", ()) if draw.random() < 0.5]
        if draw.random() < 0.01:
            all_types = self.schema.type_map.values()
            conditions = [draw.choice([each for each in all_types if isinstance(each, GraphQLObjectType)])]
        on = draw.choice(conditions)
        same = [name for name, (where, _) in self.fragments.items() if where == on.name and depth]
        if same and draw.random() < 0.3:
            return f"...{draw.choice(same)}{self.directive()}"
        body = self.selections(on, depth + 1)
        if draw.random() < 0.4:
            name = f"F{len(self.fragments)}"
            self.fragments[name] = (on.name, body)
            return f"...{name}{self.directive()}"
        condition = f"on {on.name} " if on is not kind or draw.random() < 0.5 else ""
        return f"... {condition}{self.directive()} {body}"

    def field(self, kind: Any, depth: int) -> str:
        draw = self.draw
        self.fields += 1
        fields = kind.fields
        if depth == 0 and draw.random() < 0.02:
            return "__schema { queryType { name } types { name isOneOf } }"
        if depth == 0 and draw.random() < 0.02:
            return '__type(name: "Cat") { fields { name type { name kind } } }'
        names = list(fields)
        if depth > 3 or self.fields > 30:
            simple = [name for name in names if not hasattr(get_named_type(fields[name].type), "fields")]
            names = [name for name in simple if not hasattr(get_named_type(fields[name].type), "types")] or [
                "__typename"
            ]
        name = draw.choice(names)
        if name == "__typename":
            return name
        definition = fields[name]
        is_simple = not definition.args and draw.random() < 0.6
        alias = "" if is_simple else draw.choice(["", "a: "]) if draw.random() < 0.03 else f"x{self.fields}: "
        arguments = [
            f"{each}: {self.argument(argument.type, argument.default_value)}"
            for each, argument in definition.args.items()
            if draw.random() < 0.5 or (isinstance(argument.type, GraphQLNonNull) and draw.random() < 0.99)
        ]
        named = get_named_type(definition.type)
        is_object = isinstance(named, GraphQLObjectType | GraphQLInterfaceType | GraphQLUnionType)
        below = " " + self.selections(named, depth + 1) if is_object and draw.random() < 0.995 else ""
        given = f"({', '.join(arguments)})" if arguments else ""
        if draw.random() < 0.004:
            name = name + "x"
        return f"{alias}{name}{given}{self.directive()}{below}"

    def directive(self) -> str:
        draw = self.draw
        if draw.random() > 0.07:
            return ""
        name = draw.choice(["skip", "include"])
        if draw.random() < 0.5:
            return f" @{name}(if: {draw.choice(['true', 'false'])})"
        return f" @{name}(if: {self.variable('Boolean!', draw.choice([True, False]))})"

    def argument(self, kind: Any, default: Any) -> str:
        draw = self.draw
        if draw.random() < 0.4:
            text = str(kind)
            if isinstance(kind, GraphQLNonNull) and draw.random() < 0.1:
                text = text[:-1]
            if not isinstance(kind, GraphQLNonNull) and draw.random() < 0.2:
                text += "!"
            if draw.random() < 0.2 and not text.endswith("!"):
                text += f" = {self.literal(kind, 0, variables=False)}"
            chance = draw.random()
            value = NO_LITERAL if chance < 0.12 else None if chance < 0.2 else self.json(kind, 0)
            return self.variable(text, value)
        return self.literal(kind, 0)

    def variable(self, kind: str, value: Any) -> str:
        name = f"v{len(self.declared)}"
        self.declared[name] = kind
        self.values[name] = value
        return f"${name}"

    def literal(self, kind: Any, depth: int, variables: bool = True) -> str:
        draw = self.draw
        if isinstance(kind, GraphQLNonNull):
            return self.non_null_literal(kind.of_type, depth, variables) if draw.random() < 0.997 else "null"
        return "null" if draw.random() < 0.08 else self.non_null_literal(kind, depth, variables)

    def non_null_literal(self, kind: Any, depth: int, variables: bool) -> str:
        draw = self.draw
        if variables and draw.random() < 0.08:
            return self.variable(str(kind), self.json(kind, depth))
        if draw.random() < 0.006:
            return draw.choice(['"w"', "5", "LIGHT", "{a: 1}", "[1]", "true"])
        if isinstance(kind, GraphQLList):
            if draw.random() < 0.1:
                return self.literal(kind.of_type, depth, variables)
            return "[" + ", ".join(self.literal(kind.of_type, depth, variables) for _ in range(draw.randrange(3))) + "]"
        if isinstance(kind, GraphQLInputObjectType):
            fields = self.input_fields(kind, depth)
            return (
                "{" + ", ".join(f"{each}: {self.literal(fields[each], depth + 1, variables)}" for each in fields) + "}"
            )
        value = self.leaf(kind)
        if isinstance(kind, GraphQLEnumType) and isinstance(value, str):
            return value
        return json.dumps(value, ensure_ascii=False)

    def json(self, kind: Any, depth: int) -> Any:
        draw = self.draw
        if isinstance(kind, GraphQLNonNull):
            return self.non_null_json(kind.of_type, depth) if draw.random() < 0.997 else None
        return None if draw.random() < 0.08 else self.non_null_json(kind, depth)

    def non_null_json(self, kind: Any, depth: int) -> Any:
        draw = self.draw
        if draw.random() < 0.006:
            return draw.choice(["w", 5, "LIGHT", {"a": 1}, [1], True, 2.5, 2**40])
        if isinstance(kind, GraphQLList):
            if draw.random() < 0.1:
                return self.json(kind.of_type, depth)
            return [self.json(kind.of_type, depth) for _ in range(draw.randrange(3))]
        if isinstance(kind, GraphQLInputObjectType):
            return {each: self.json(field, depth + 1) for each, field in self.input_fields(kind, depth).items()}
        return self.leaf(kind)

    def input_fields(self, kind: GraphQLInputObjectType, depth: int) -> dict[str, Any]:
        """The fields that are given of an input object, with their types."""
        draw = self.draw
        definition: Any = kind.extensions["strawberry-definition"]
        if definition.is_one_of and draw.random() < 0.9:
            name = draw.choice(list(kind.fields))
            return {name: GraphQLNonNull(kind.fields[name].type) if draw.random() < 0.9 else kind.fields[name].type}  # type: ignore[type-var]
        return {
            name: field.type
            for name, field in kind.fields.items()
            if draw.random()
            < (0.99 if isinstance(field.type, GraphQLNonNull) and depth == 0 else 0.4 if depth < 2 else 0.1)
            or str(field.type) == "InnerInput!"
        }

    def leaf(self, kind: Any) -> Any:
        if isinstance(kind, GraphQLEnumType):
            return self.draw.choice(
                [*kind.values, *kind.values, "GREEN"] if self.draw.random() < 0.05 else [*kind.values]
            )
        values: dict[str, list[Any]] = {
            "Int": [0, 1, 2, 3, 7, 13, -1, 2**31] if self.draw.random() < 0.1 else [0, 1, 2, 3, 7],
            "Float": [1.5, 2, -0.25],
            "String": ["a", "b@c.example", "", "broken", "nothing", "@skip"],
            "Boolean": [True, False],
            "ID": ["i", 4],
            "Odd": ["o", 3, True, "bad", "worse"] if self.draw.random() < 0.2 else ["o", 3],
            "Even": ["e", 4, "worse"] if self.draw.random() < 0.2 else ["e", 4],
        }
        return self.draw.choice(values[kind.name])
