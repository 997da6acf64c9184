"""WalletApp's door: codes made non-activated for a webshop, and activated for a named person, once.

Marks: [seed] and [doc] are recorded facts, a choice is ours (docs/vendors/walletapp.md).
"""

from dataclasses import dataclass
from datetime import datetime

from fastapi import Request, Response

from db.models import Code, Location, Organization, Promotion
from resolvers import activate, authenticate, find, generate, issue
from resolvers.authenticate import Holder, Right
from resolvers.domain import params
from resolvers.domain.code_format import Format
from schema import context
from schema.context import AccessDenied, Services
from schema.vendors import kit
from schema.vendors.kit import JsonResponse, UnknownRoute
from schema.vendors.walletapp import responses
from schema.vendors.walletapp.errors import NoSuchOrganization, NotAllowed, error_response
from schema.vendors.walletapp.requests import Fields, Named

router = kit.VendorRouter(error_response)


# ------------------------------------------------------------------ who speaks, and of what


@dataclass(frozen=True)
class Asked:
    """What every request here names, once it is found: the organization of the caller's key, and a promotion."""

    organization: Organization
    promotion: Promotion
    public_url: str
    now: datetime

    @property
    def ref(self) -> params.PromotionRef:
        """The promotion as the verbs want it named."""
        return params.PromotionRef(id=self.promotion.id)

    async def location_number(self, said: int | None) -> int | None:
        """The location as asked if it is linked, else the default [seed]; another one is no error (choice)."""
        found: Location | None = await find.location_for(self.promotion, said)
        return None if found is None else found.number


async def _holder(request: Request) -> Holder:
    """Whose key it is: a device's [seed], or one that may do all of that anyway (choice)."""
    found = await context.holder(request.headers)
    try:
        context.require(found, Right.ACTIVATE)
    except AccessDenied as no:
        raise NotAllowed(str(no)) from None
    return found


async def _organization(holder: Holder, named: Named) -> Organization | None:
    """The organization that is named: mostly the key's own, which need not be looked up."""
    own = holder.organization
    if own is not None and named in (Named(own.identifier, None), Named(None, own.number)):
        return own
    return await find.organization(named.identifier, named.number)


async def _asked(request: Request, holder: Holder, named: Named, promotion: str) -> Asked:
    """What a request speaks of; a key's organization must be named, and another one is forbidden (choice)."""
    organization = await _organization(holder, named)
    if organization is None:
        raise NoSuchOrganization("There is no such organization.")
    if await authenticate.organization_of(holder, organization.identifier) is None:
        raise NotAllowed("This token is not allowed for this organization.")
    services: Services = request.app.state.services
    found = await find.promotion_by_name(organization.id, promotion)
    return Asked(organization, found, services.public_url, services.clock())


# ------------------------------------------------------------------ the three endpoints


@router.post("/webshop-promotions/webshopcode")
async def activate_code(request: Request) -> JsonResponse:
    """An existing code becomes that person's [seed]; the answer tells nothing else [seed]."""
    holder = await _holder(request)
    fields = Fields(await kit.read_json_object(request))
    text, person = fields.text("code"), fields.person()
    promotion = fields.text("promotion_reference", "promotion_identifier")
    named = fields.organization("organization_identifier", "organization_id")
    fields.checked()
    asked = await _asked(request, holder, named, promotion)
    place = await asked.location_number(fields.number("location_id"))
    await activate.code(asked.organization, text, asked.ref, person, place, None, False, asked.now)
    return responses.answer("Promotion code activated successfully")


@router.post("/webshop-promotions/requestActivatePromotionCode")
@router.post("/webshop-promotions/Orders")
@router.post("/webshop-promotions/orders")
async def issue_code(request: Request) -> JsonResponse:
    """A new code, activated for that person [seed]; `Orders` is its name in another edition of the page [doc]."""
    holder = await _holder(request)
    fields = Fields(await kit.read_json_object(request))
    person, promotion = fields.person(), fields.text("promotion_identifier", "promotion_reference")
    named = fields.organization("organization_identifier", "organization_id")
    off_peak = fields.flag("off_peak_sale")
    fields.checked()
    asked = await _asked(request, holder, named, promotion)
    place = await asked.location_number(fields.number("location_id"))
    thing = fields.number("product_id")
    product = None if thing is None else await find.product(asked.organization.id, thing)
    sold = None if product is None else product.number
    made = await issue.code(asked.organization, asked.ref, person, place, sold, off_peak, None, asked.now)
    result = responses.issued(made, asked.promotion, product, asked.organization, asked.public_url)
    return responses.answer("Promotion code created and activated successfully", result=result)


@router.post("/webshop-promotions/createNonActivatedCodes")
async def generate_codes(request: Request) -> Response:
    """Codes that nobody can claim until they are activated [seed]; `codes` is how many [seed]."""
    holder = await _holder(request)
    fields = Fields(await kit.read_json_object(request))
    amount = fields.amount("codes")
    promotion = fields.text("promotion_reference", "promotion_identifier")
    named = fields.organization("organization_id", "organization_identifier")
    fields.checked()
    asked = await _asked(request, holder, named, promotion)
    options = generate.CodeOptions(activated=False)
    made = await generate.codes(asked.organization, asked.ref, amount, Format(), options, False, None, asked.now)
    pages = (responses.texts(page) async for page in find.by_ids_in_order(Code, made.ids))
    begun = b'{"success":true,"message":"Promotion codes created successfully","codes":'
    return await kit.complete_response(begun, pages, b"}")


# ------------------------------------------------------------------ the rest


async def _unknown_route(request: Request) -> JsonResponse:
    """Whatever else is asked below this path (choice)."""
    raise UnknownRoute


router.add_fallback("/webshop-promotions", _unknown_route)
