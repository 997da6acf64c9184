"""Static checks of a letter's template: its Jinja nodes, their number, the length of the letter, the types compared.

All of it is computed from the parsed template, before anything is compiled. A template that passes can't take long,
can't grow, and can't fail for one recipient and not for another.
"""

from collections.abc import Iterator, Mapping

from jinja2 import TemplateSyntaxError, nodes

VARIABLES = {
    "code": "the code",
    "url": "the address of the code's page",
    "firstName": "the recipient's first name, or nothing",
    "lastName": "the recipient's last name, or nothing",
    "email": "the recipient's address",
    "organization": "your organization's name",
    "promotion": "the promotion's name",
    "gives": "what it gives, such as `15 % off`, or nothing",
    "until": "until when, in words, or nothing",
    "message": "the message of `sendCode`, or nothing",
    "unsubscribeUrl": "where the recipient says that they want no more letters",
}
"""The variables that a template may print, with their descriptions."""

FILTERS = {"capitalize", "default", "d", "e", "escape", "lower", "title", "trim", "upper"}

MAX_NODES, MAX_FILTERS, MAX_DEPTH, MAX_FILTER_CHAIN = 1_000, 100, 30, 5
"""A template's nodes, the filters among them, the depth of its tree, and the filters on one value."""

MAX_MESSAGE_LENGTH = 10_000
MAX_VALUE_LENGTHS = {
    "code": 100,
    "url": 1_000,
    "firstName": 200,
    "lastName": 200,
    "email": 254,
    "organization": 200,
    "promotion": 200,
    "gives": 200,
    "until": 200,
    "message": MAX_MESSAGE_LENGTH,
    "unsubscribeUrl": 1_000,
}
"""The maximum number of characters of each variable."""

MAX_RENDERED_LENGTH = {"subject": 12_000, "body": 100_000}
"""The maximum number of characters of a rendered template."""

ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Const,
    nodes.Filter,
    nodes.Keyword,
    nodes.If,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Concat,
)
NUMBERS = {"bool", "int", "float"}


def check(parsed: nodes.Template) -> None:
    """Raises TemplateSyntaxError, with the line, for a template that may not be used in a letter."""
    _check_size(parsed)
    for node in parsed.find_all(nodes.Node):
        _check_node(node)
    for node in parsed.find_all(nodes.Expr):
        types(node)


def excess(parsed: nodes.Template, field: str, message: int) -> str | None:
    """A sentence on a template that renders too long with a message of so many characters; None where it fits."""
    longest = length(parsed, MAX_VALUE_LENGTHS | {"message": message})
    if longest <= MAX_RENDERED_LENGTH[field]:
        return None
    return (
        f"with a message of {message} characters and the longest names the {field} comes to {longest} characters,"
        f" and {MAX_RENDERED_LENGTH[field]} are allowed"
    )


def _check_size(parsed: nodes.Template) -> None:
    """Raises TemplateSyntaxError for too many nodes or a too deep tree, at the first node beyond a limit."""
    number = filters = 0
    waiting: list[tuple[nodes.Node, int, int, int]] = [(parsed, 0, 0, 1)]
    while waiting:
        node, depth, chain, line = waiting.pop()
        line = node.lineno or line
        number += 1
        is_filter = isinstance(node, nodes.Filter)
        filters += is_filter
        chain = chain + 1 if is_filter else 0
        for noun, count, limit in (
            ("parts", number, MAX_NODES),
            ("filters", filters, MAX_FILTERS),
            ("parts within each other", depth, MAX_DEPTH),
            ("filters on one value", chain, MAX_FILTER_CHAIN),
        ):
            if count > limit:
                raise TemplateSyntaxError(f"a letter has at most {limit} {noun}.", line)
        waiting += [(child, depth + 1, chain, line) for child in node.iter_child_nodes()]


def _check_node(node: nodes.Node) -> None:
    if not isinstance(node, ALLOWED):
        name, inside = type(node).__name__.lower(), node.find_all(nodes.Node)
        line = node.lineno or next((one.lineno for one in inside if one.lineno), 1)
        raise TemplateSyntaxError(f"a letter prints variables and chooses with if; {name} is not for it.", line)
    if isinstance(node, nodes.Name) and node.name not in VARIABLES:
        known = ", ".join(VARIABLES)
        raise TemplateSyntaxError(f"there is no {node.name}; there are {known}.", node.lineno)
    if isinstance(node, nodes.Filter):
        if node.name not in FILTERS:
            known = ", ".join(sorted(FILTERS))
            raise TemplateSyntaxError(f"there is no filter {node.name} for letters; there are {known}.", node.lineno)
        _check_arguments(node)


def _check_arguments(node: nodes.Filter) -> None:
    """Raises TemplateSyntaxError for arguments that a filter doesn't take."""
    arguments = [*node.args, *(one.value for one in node.kwargs)]
    names = {one.key for one in node.kwargs}
    if node.name in ("default", "d"):
        fits = len(arguments) <= 2 and names <= {"default_value", "boolean"}
    elif node.name == "trim":
        fits = (
            len(arguments) <= 1 and names <= {"chars"} and all(types(one) <= {"str", "NoneType"} for one in arguments)
        )
    else:
        fits = not arguments
    if not fits or node.dyn_args is not None or node.dyn_kwargs is not None:
        raise TemplateSyntaxError(f"the filter {node.name} doesn't take that.", node.lineno)


# ------------------------------------------------------------------ types


def types(node: nodes.Expr) -> set[str]:
    """The types that an expression may have in any letter. Raises TemplateSyntaxError for an invalid comparison.

    A conditional expression without an `else` may be `undefined`.
    """
    if isinstance(node, nodes.Const):
        return {type(node.value).__name__}
    if isinstance(node, nodes.Compare):
        _check_comparison(node)
        return {"bool"}
    if isinstance(node, nodes.Not):
        return {"bool"}
    if isinstance(node, nodes.And | nodes.Or):
        return types(node.left) | types(node.right)
    if isinstance(node, nodes.CondExpr):
        return types(node.expr1) | (types(node.expr2) if node.expr2 is not None else {"undefined"})
    if isinstance(node, nodes.Filter) and node.name in ("default", "d") and node.node is not None:
        others = [*node.args, *(one.value for one in node.kwargs)]
        return types(node.node).union(*map(types, others))
    return {"str"}


def _check_comparison(node: nodes.Compare) -> None:
    """Raises TemplateSyntaxError where the compared values may have no order, or no `in`."""
    left = types(node.expr)
    for operand in node.ops:
        right = types(operand.expr)
        both = left | right
        is_ordered = both <= {"str"} or both <= NUMBERS
        if operand.op in ("lt", "lteq", "gt", "gteq") and not is_ordered:
            raise TemplateSyntaxError("only texts with texts and numbers with numbers have an order.", node.lineno)
        if operand.op in ("in", "notin") and not both <= {"str"}:
            raise TemplateSyntaxError("only a text can be in a text.", node.lineno)
        left = right


# ------------------------------------------------------------------ length


def length(node: nodes.Node, values: Mapping[str, int]) -> int:
    """The maximum number of characters that a node prints for values of these lengths; filters may add a few."""
    if isinstance(node, nodes.TemplateData):
        return len(node.data)
    if isinstance(node, nodes.Const):
        return len(str(node.value))
    if isinstance(node, nodes.Name):
        return values.get(node.name, 0)
    if isinstance(node, nodes.If):
        elifs: list[list[nodes.Node]] = [[one] for one in node.elif_]
        branches = [node.body, *elifs, node.else_]
        return max(sum(length(one, values) for one in branch) for branch in branches)
    if isinstance(node, nodes.Compare | nodes.Not):
        return len("False")
    return sum(length(one, values) for one in _printed(node))


def _printed(node: nodes.Node) -> Iterator[nodes.Node]:
    """The child nodes that a node prints: not its conditions."""
    if isinstance(node, nodes.CondExpr):
        yield from (one for one in (node.expr1, node.expr2) if one is not None)
    else:
        yield from node.iter_child_nodes()
