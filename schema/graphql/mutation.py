"""The decorator of mutations, which makes a field of a function: one in each file of mutations/.

    @mutation(right=Right.MANAGE, refusals=(UnknownCode, InvalidInput))
    async def update_code(info: Info, input: UpdateCodeInput) -> CodeChanged:

becomes `updateCode(input: UpdateCodeInput!): UpdateCodeResult`, whose result is the union of the outcome and the
refusals. The function's docstring is the field's description.
"""

import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, TypeAlias, TypeVar, Union

import strawberry
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import capitalize_first, to_camel_case

from resolvers.authenticate import Right
from resolvers.domain.refusals import Refusal
from schema.graphql.context import Info
from schema.graphql.public import Public
from schema.graphql.refusals import TYPES

Input = TypeVar("Input")
Outcome = TypeVar("Outcome")
MutationFunction: TypeAlias = Callable[[Info, Input], Awaitable[Outcome]]


def mutation(
    *, right: Right, refusals: Sequence[type[Refusal]], is_public: bool = False
) -> Callable[[MutationFunction[Input, Outcome]], StrawberryField]:
    """A decorator that makes a mutation of a function; it runs for callers whose key has the `right`.

    `refusals` are those that the function raises: they become members of the result. Any other becomes an error. With
    `is_public` a PUBLIC key's document may select the field. The field is nullable, so that a bug in one mutation of a
    document takes no committed answer with it.
    """

    def decorate(function: MutationFunction[Input, Outcome]) -> StrawberryField:
        @functools.wraps(function)
        async def authorized(info: Info, input: Input) -> Outcome:
            info.context.require(right)
            return await function(info, input)

        signature = inspect.signature(function, eval_str=True)
        name = f"{capitalize_first(to_camel_case(function.__name__))}Result"
        members = [signature.return_annotation, *(TYPES[refusal].type for refusal in refusals)]
        authorized.__signature__ = signature.replace(return_annotation=_result_type(name, members))  # type: ignore[attr-defined]
        field: StrawberryField = strawberry.mutation(
            authorized,
            description=inspect.getdoc(function),
            directives=[Public()] if is_public else [],
            metadata={"right": right},
        )
        return field

    return decorate


def _result_type(name: str, members: Sequence[type]) -> object:
    """The nullable union of a mutation's outcome and refusals."""
    return Annotated[Union[tuple(members)], strawberry.union(name)] | None  # noqa: UP007 (made of a list)
