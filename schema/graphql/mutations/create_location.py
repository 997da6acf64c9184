"""The mutation `createLocation`."""

import strawberry
from strawberry import UNSET

from resolvers import create
from resolvers.authenticate import Right
from resolvers.domain.refusals import InvalidInput
from schema.graphql.context import Info
from schema.graphql.mutation import mutation
from schema.graphql.nouns import Location
from schema.graphql.parts import or_none


@strawberry.input
class CreateLocationInput:
    number: int | None = UNSET
    name: str
    is_default: bool = False


@strawberry.type
class LocationChanged:
    location: Location


@mutation(right=Right.MANAGE, refusals=(InvalidInput,))
async def create_location(info: Info, input: CreateLocationInput) -> LocationChanged:
    """A new place where codes may be used."""
    caller = info.context.caller
    location = await create.location(
        caller.organization, or_none(input.number), input.name, input.is_default, caller.now
    )
    return LocationChanged(location=Location.of(location))
