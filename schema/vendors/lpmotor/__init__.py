"""LP Motor's API: a shop's promo codes, for the curl, PHP and axios samples of its documentation.

Marks: [doc] and [seed] are recorded facts, a choice is ours (docs/vendors/lpmotor.md has the addresses).
"""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

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
from schema.vendors.kit import BadRequest, Json, JsonResponse
from schema.vendors.lpmotor import models, promo, requests, responses
from schema.vendors.lpmotor.errors import LPMotorRoute, NotEditable
from schema.vendors.lpmotor.models import failures

router = APIRouter(
    route_class=LPMotorRoute,
    tags=["LP Motor"],
    dependencies=[kit.KEY],
    responses=failures(401, 500, 503),
)


# ------------------------------------------------------------------ callers


@dataclass(frozen=True)
class ShopUser:
    """A caller: the holder of an account's token, the account's number, and the request's instant."""

    holder: Holder
    number: int
    now: datetime


async def _user(request: Request) -> ShopUser:
    """The user of `X-Api-User-Id`, if the token is that account's [doc]; 401 is a choice."""
    holder = await context.holder(request.headers)
    number = requests.parse_id(request.headers.get("x-api-user-id", ""))
    if holder.kind is not KeyKind.ACCOUNT or number is None or not await authenticate.is_of_account(holder, number):
        raise AccessDenied("not the token of this user")
    services: Services = request.app.state.services
    return ShopUser(holder, number, services.clock())


async def _site(user: ShopUser, site_id: Json) -> Organization:
    """The site with this number, which is required (choice), if it is the user's [doc]."""
    number = requests.parse_id(str(requests.whole_number(site_id)))
    site = await authenticate.reachable_organization(user.holder, number) if number else None
    if site is None:
        raise NoOrganization
    return site


def _check_user_id(body: dict[str, Json], user: ShopUser) -> None:
    """Raises BadRequest when a body names another user than the request's header."""
    if "user_id" in body and requests.whole_number(body["user_id"]) != user.number:
        raise BadRequest("another user_id than the header's")


async def _promo(request: Request, user: ShopUser) -> Code:
    """The promo of the path, as the only code of its promotion, of any site of the user."""
    number = requests.parse_id(request.path_params["promo_id"])
    if number is None:
        raise UnknownPromotion
    return await find.only_code(user.holder.account_id, number)


def _streams(request: Request) -> Streams:
    services: Services = request.app.state.services
    return services.streams


# ------------------------------------------------------------------ promos


@router.get(
    "/v1/promo",
    summary="List the promos of a site",
    response_model=list[models.ListedPromo],
    responses=failures(400, 403, 429),
    openapi_extra={"parameters": [kit.parameter("query", "site_id", "The site's number")]},
)
async def all_promos(request: Request) -> Response:
    """A site's promos in a bare array [seed], by `pos`, then `id` (choice)."""
    user = await _user(request)
    site = await _site(user, request.query_params.get("site_id"))
    pages = ([responses.promo_object(code, user.now) for code in page] async for page in find.only_codes(site.id))
    return await kit.list_response(request, site.id, _streams(request), pages)


@router.post(
    "/v1/promo",
    summary="Create a promo",
    response_model=models.ShownPromo,
    responses=failures(400, 403, 409, 413),
    openapi_extra=kit.body(models.NewPromo),
)
async def create_promo(request: Request) -> JsonResponse:
    """The new promo [seed]; of its fields only `code` is required."""
    user = await _user(request)
    body = await kit.read_json_object(request)
    _check_user_id(body, user)
    fields = requests.promo_fields(body)
    if "code" not in fields:
        raise BadRequest("no code")
    site = await _site(user, body.get("site_id"))
    promotion = await create.promotion(site, promo.new_promotion(fields), None, user.now)
    return JsonResponse(
        responses.promo_object(await find.only_code(user.holder.account_id, promotion.number), user.now)
    )


@router.get(
    "/v1/promo/{promo_id}",
    summary="Find a promo",
    response_model=models.ShownPromo,
    responses=failures(404),
)
async def find_promo(request: Request) -> JsonResponse:
    """A promo [seed]."""
    user = await _user(request)
    return JsonResponse(responses.promo_object(await _promo(request, user), user.now))


@router.put(
    "/v1/promo/{promo_id}",
    summary="Change a promo",
    response_model=models.ShownPromo,
    responses=failures(400, 404, 409, 413),
    openapi_extra=kit.body(models.PromoChange),
)
async def change_promo(request: Request) -> JsonResponse:
    """The promo with the given fields changed; others stay as they are [seed]."""
    user = await _user(request)
    body = await kit.read_json_object(request)
    _check_user_id(body, user)
    fields = requests.promo_fields(body)
    while True:
        code = await _promo(request, user)
        promotion, changes = code.promotion, promo.changes(code, fields)
        try:
            ref = params.PromotionRef(id=promotion.id)
            changed = await update.promotion_with_code(
                promotion.organization, ref, promotion.version, *changes, user.now
            )
        except VersionConflict:  # a concurrent change was faster: merge with it
            continue
        return JsonResponse(responses.promo_object(changed, user.now))


@router.delete(
    "/v1/promo/{promo_id}",
    summary="Delete a promo",
    response_model=models.Deleted,
    responses=failures(403, 404),
)
async def delete_promo(request: Request) -> JsonResponse:
    """An empty object; the promo's code and statistics go with it (choices)."""
    user = await _user(request)
    promotion = (await _promo(request, user)).promotion
    try:
        await delete.promotion(promotion.organization, params.PromotionRef(id=promotion.id), dry_run=False)
    except InvalidInput:
        raise NotEditable("the organization's own promotion") from None
    return JsonResponse({})


@router.get(
    "/v1/promo/{promo_id}/statistics",
    summary="List the uses of a promo",
    response_model=list[models.PromoUse],
    responses=failures(404, 429),
)
async def promo_statistics(request: Request) -> Response:
    """A row for each claim, through any API, in a bare array [seed], the newest first (choice)."""
    code = await _promo(request, await _user(request))
    organization = code.promotion.organization
    claims = find.standing_claims(code.organization_id, code.promotion_id)
    pages = ([responses.claim_row(claim, code, organization) for claim in page] async for page in claims)
    return await kit.list_response(request, organization.id, _streams(request), pages)


# ------------------------------------------------------------------ the rest


kit.add_fallback(router, "/v1/promo")  # every other method and path (choice)
