"""WalletApp's API: codes generated non-activated for a webshop, and activated once for a named person.

Marks: [seed] and [doc] are recorded facts, a choice is ours (docs/vendors/walletapp.md).
"""

from dataclasses import dataclass
from datetime import datetime

from fastapi import APIRouter, Request, Response

from db.models import Code, Organization, Product, Promotion
from resolvers import activate, authenticate, find, generate, issue
from resolvers.authenticate import Holder, Right
from resolvers.domain import params
from resolvers.domain.code_format import Format
from resolvers.domain.refusals import InvalidInput
from schema import context
from schema.context import AccessDenied, Services
from schema.vendors import kit
from schema.vendors.kit import JsonResponse
from schema.vendors.walletapp import models, responses
from schema.vendors.walletapp.errors import NoSuchOrganization, NotAllowed, WalletAppRoute
from schema.vendors.walletapp.models import failures
from schema.vendors.walletapp.requests import Fields, OrganizationRef

router = APIRouter(
    route_class=WalletAppRoute,
    tags=["WalletApp"],
    dependencies=[kit.KEY],
    responses=failures(400, 401, 403, 404, 413, 422, 500, 503),
)


# ------------------------------------------------------------------ callers and requests


@dataclass(frozen=True)
class CodeRequest:
    """What every request here names: the organization of the caller's key, and a promotion; and its instant."""

    organization: Organization
    promotion: Promotion
    public_url: str
    now: datetime

    @property
    def ref(self) -> params.PromotionRef:
        """The promotion as an argument of the verbs."""
        return params.PromotionRef(id=self.promotion.id)


async def _holder(request: Request) -> Holder:
    """The holder of the key: a device's [seed], or one with the same right (choice)."""
    holder = await context.holder(request.headers)
    try:
        context.require(holder, Right.ACTIVATE)
    except AccessDenied as error:
        raise NotAllowed(str(error)) from None
    return holder


async def _organization(holder: Holder, ref: OrganizationRef) -> Organization | None:
    """The organization that a request names: mostly the key's own, which needs no look-up."""
    own = holder.organization
    if own is not None and ref in (OrganizationRef(own.identifier, None), OrganizationRef(None, own.number)):
        return own
    return await find.organization(ref.identifier, ref.number)


async def _code_request(request: Request, holder: Holder, ref: OrganizationRef, reference: str) -> CodeRequest:
    """What a request names; its organization is required, and another than the key's is forbidden (choice)."""
    organization = await _organization(holder, ref)
    if organization is None:
        raise NoSuchOrganization("There is no such organization.")
    if await authenticate.organization_of(holder, organization.identifier) is None:
        raise NotAllowed("This token is not allowed for this organization.")
    services: Services = request.app.state.services
    promotion = await find.promotion_by_name(organization.id, reference)
    return CodeRequest(organization, promotion, services.public_url, services.clock())


async def _product(organization: Organization, number: int | None) -> Product | None:
    """The requested product; an unknown one is no error (choice)."""
    try:
        return await find.product(organization.id, number)
    except InvalidInput:
        return None


# ------------------------------------------------------------------ the three endpoints


@router.post(
    "/webshop-promotions/webshopcode",
    summary="Activate a code",
    response_model=models.Activated,
    openapi_extra=kit.body(models.ActivationBody),
)
async def activate_code(request: Request) -> JsonResponse:
    """Activates an existing code for a person [seed]; the response has nothing else [seed]."""
    holder = await _holder(request)
    fields = Fields(await kit.read_json_object(request))
    text, person = fields.text("code"), fields.person()
    promotion = fields.text("promotion_reference", "promotion_identifier")
    ref = fields.organization("organization_identifier", "organization_id")
    fields.raise_errors()
    code_request = await _code_request(request, holder, ref, promotion)
    location = await find.location_for(code_request.promotion, fields.number("location_id"))
    await activate.code(
        code_request.organization, text, code_request.ref, person, location, None, False, code_request.now
    )
    return responses.success("Promotion code activated successfully")


@router.post(
    "/webshop-promotions/requestActivatePromotionCode",
    summary="Create and activate a code",
    response_model=models.Issued,
    openapi_extra=kit.body(models.IssueBody),
)
@router.post(
    "/webshop-promotions/Orders",
    summary="Create and activate a code",
    response_model=models.Issued,
    openapi_extra=kit.body(models.IssueBody),
)
@router.post(
    "/webshop-promotions/orders",
    summary="Create and activate a code",
    response_model=models.Issued,
    openapi_extra=kit.body(models.IssueBody),
)
async def issue_code(request: Request) -> JsonResponse:
    """A new code, activated for a person [seed]; `Orders` is its name in another edition of the page [doc]."""
    holder = await _holder(request)
    fields = Fields(await kit.read_json_object(request))
    person, promotion = fields.person(), fields.text("promotion_identifier", "promotion_reference")
    ref = fields.organization("organization_identifier", "organization_id")
    off_peak = fields.flag("off_peak_sale")
    fields.raise_errors()
    code_request = await _code_request(request, holder, ref, promotion)
    organization, promotion_ref, now = code_request.organization, code_request.ref, code_request.now
    location = await find.location_for(code_request.promotion, fields.number("location_id"))
    product = await _product(organization, fields.number("product_id"))
    code = await issue.code(organization, promotion_ref, person, location, product, off_peak, None, now)
    result = responses.issued_code(code, code_request.promotion, product, organization, code_request.public_url)
    return responses.success("Promotion code created and activated successfully", result=result)


@router.post(
    "/webshop-promotions/createNonActivatedCodes",
    summary="Create codes that are not activated",
    response_model=models.Generated,
    openapi_extra=kit.body(models.GenerationBody),
)
async def generate_codes(request: Request) -> Response:
    """New codes, which can't be claimed until they are activated [seed]; `codes` is their number [seed]."""
    holder = await _holder(request)
    fields = Fields(await kit.read_json_object(request))
    amount = fields.amount("codes")
    promotion = fields.text("promotion_reference", "promotion_identifier")
    ref = fields.organization("organization_id", "organization_identifier")
    fields.raise_errors()
    code_request = await _code_request(request, holder, ref, promotion)
    options = generate.CodeOptions(activated=False)
    generated = await generate.codes(
        code_request.organization, code_request.ref, amount, Format(), options, False, None, code_request.now
    )
    rows = find.by_ids_in_order(Code, code_request.organization.id, generated.ids)
    pages = (responses.code_texts(page) async for page in rows)
    head = b'{"success":true,"message":"Promotion codes created successfully","codes":'
    return await kit.complete_response(head, pages, b"}")


# ------------------------------------------------------------------ the rest


kit.add_fallback(router, "/webshop-promotions")  # every other method and path (choice)
