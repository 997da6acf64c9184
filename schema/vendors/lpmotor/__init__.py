"""LP Motor's door: a shop's promo codes, as the curl, PHP and axios samples of its documentation speak.

Marks: [doc] and [seed] are recorded facts, a choice is ours (docs/vendors/lpmotor.md has the addresses).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import Request, Response

from db.enums import KeyKind
from db.models import Code, Organization
from resolvers import authenticate, create, delete, find, update
from resolvers.authenticate import Holder
from resolvers.domain import params
from resolvers.domain.refusals import InvalidInput, UnknownPromotion, VersionConflict
from schema import context
from schema.context import AccessDenied, NoOrganization, Services
from schema.streams import Streams
from schema.vendors import kit
from schema.vendors.kit import BadRequest, JsonResponse, UnknownRoute
from schema.vendors.lpmotor import promo, requests, responses
from schema.vendors.lpmotor.errors import NotEditable, error_response

router = kit.VendorRouter(error_response)


# ------------------------------------------------------------------ who speaks


@dataclass(frozen=True)
class User:
    """Who holds an account's token, and by which number they call themselves; the time."""

    holder: Holder
    number: int
    now: datetime


async def _user(request: Request) -> User:
    """The user of `X-Api-User-Id`, if the token is an account's and it is theirs [doc]; 401 is a choice."""
    found = await context.holder(request.headers)
    number = requests.id_of(request.headers.get("x-api-user-id", ""))
    if found.kind is not KeyKind.ACCOUNT or number is None or not await authenticate.is_of_account(found, number):
        raise AccessDenied("not the token of this user")
    services: Services = request.app.state.services
    return User(found, number, services.clock())


async def _site(user: User, said: object) -> Organization:
    """The site with this number, which must be said (choice), if the user has it [doc]."""
    number = requests.id_of(str(requests.whole(said)))
    site = await authenticate.reachable_organization(user.holder, number) if number else None
    if site is None:
        raise NoOrganization
    return site


def _speaks_for_itself(body: dict[str, Any], user: User) -> None:
    """Raises BadRequest when a body names another user than the request's header."""
    if "user_id" in body and requests.whole(body["user_id"]) != user.number:
        raise BadRequest("another user_id than the header's")


async def _promo(request: Request, user: User) -> Code:
    """The promo that the path names, as the only code of its promotion; of whichever site of the user's."""
    number = requests.id_of(request.path_params["promo_id"])
    if number is None:
        raise UnknownPromotion
    return await find.only_code(user.holder.account_id, number)


def _streams(request: Request) -> Streams:
    services: Services = request.app.state.services
    return services.streams


# ------------------------------------------------------------------ promos


@router.get("/v1/promo")
async def all_promos(request: Request) -> Response:
    """A site's promos in a bare array [seed], by `pos`, then `id` (choice)."""
    user = await _user(request)
    site = await _site(user, request.query_params.get("site_id"))
    pages = ([responses.one(code, user.now) for code in page] async for page in find.only_codes(site.id))
    return await kit.list_response(request, site.id, _streams(request), pages)


@router.post("/v1/promo")
async def create_promo(request: Request) -> JsonResponse:
    """The new promo [seed]; of its fields only `code` must be said."""
    user = await _user(request)
    body = await kit.read_json_object(request)
    _speaks_for_itself(body, user)
    said = requests.promo(body)
    if "code" not in said:
        raise BadRequest("no code")
    site = await _site(user, body.get("site_id"))
    made = await create.promotion(site, promo.new(said), None, user.now)
    return JsonResponse(responses.one(await find.only_code(user.holder.account_id, made.number), user.now))


@router.get("/v1/promo/{promo_id}")
async def find_promo(request: Request) -> JsonResponse:
    """A promo [seed]."""
    user = await _user(request)
    return JsonResponse(responses.one(await _promo(request, user), user.now))


@router.put("/v1/promo/{promo_id}")
async def change_promo(request: Request) -> JsonResponse:
    """The promo with what was said; what was not stays as it is [seed]."""
    user = await _user(request)
    body = await kit.read_json_object(request)
    _speaks_for_itself(body, user)
    said = requests.promo(body)
    while True:
        found = await _promo(request, user)
        promotion, changes = found.promotion, promo.change(found, said)
        try:
            ref = params.PromotionRef(id=promotion.id)
            changed = await update.promotion_with_code(
                promotion.organization, ref, promotion.version, *changes, user.now
            )
        except VersionConflict:  # somebody was faster: merge with what they have made of it
            continue
        return JsonResponse(responses.one(changed, user.now))


@router.delete("/v1/promo/{promo_id}")
async def delete_promo(request: Request) -> JsonResponse:
    """An empty object; the promo's code and statistics go with it (choices)."""
    user = await _user(request)
    promotion = (await _promo(request, user)).promotion
    try:
        await delete.promotion(promotion.organization, params.PromotionRef(id=promotion.id), dry_run=False)
    except InvalidInput:
        raise NotEditable("the organization's own promotion") from None
    return JsonResponse({})


@router.get("/v1/promo/{promo_id}/statistics")
async def promo_statistics(request: Request) -> Response:
    """A row for each use, through whichever door, in a bare array [seed], the newest first (choice)."""
    found = await _promo(request, await _user(request))
    organization = found.promotion.organization
    uses = find.standing_claims(found.promotion_id)
    pages = ([responses.use(claim, found, organization) for claim in page] async for page in uses)
    return await kit.list_response(request, organization.id, _streams(request), pages)


# ------------------------------------------------------------------ the rest


async def _unknown_route(request: Request) -> JsonResponse:
    """Whatever else is asked below this path (choice)."""
    raise UnknownRoute


router.add_fallback("/v1/promo", _unknown_route)
