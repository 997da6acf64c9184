"""Lancero's door: invite codes and leads, as `@lancero/node` 0.0.18, the widgets and the public API speak.

Marks: [doc] and [seed] are recorded facts, a choice is ours (docs/vendors/lancero.md has the addresses).
"""

from typing import Any

from fastapi import Request, Response

from db.enums import KeyKind
from db.models import Code
from resolvers import claim, create, delete, exchange, find, generate, send
from resolvers.authenticate import Right
from resolvers.domain import params, refusals, validate
from resolvers.domain.refusals import FullyClaimed, InvalidInput, PromotionSpent, Refusal, UnknownCustomer, UnknownToken
from schema import context
from schema.context import AccessDenied, Caller
from schema.vendors import kit
from schema.vendors.kit import JsonResponse, UnknownRoute
from schema.vendors.lancero import leads, requests, responses
from schema.vendors.lancero.errors import error_response

BROWSER_PATHS = ("/codes", "/claims", "/leads", "/customers", "/projects")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"]

router = kit.VendorRouter(error_response)


# ------------------------------------------------------------------ who speaks


async def _caller(request: Request, right: Right = Right.MANAGE) -> Caller:
    """Whose key the request carries, if it is good for that; `Incorrect …` is [doc], the rest choices."""
    if "authorization" not in request.headers:
        raise AccessDenied("No authorization header passed")
    try:
        found = await context.holder(request.headers)
    except AccessDenied:
        raise AccessDenied("Incorrect Bearer token specified") from None
    try:
        context.require(found, right)
    except AccessDenied:
        raise _wants_secret_key(found.kind) from None
    return await context.caller(request, found)


async def _visitor(request: Request) -> Caller:
    """A caller of what a page with a public key may do besides claiming [doc]; devices claim and no more."""
    caller = await _caller(request, Right.CLAIM)
    if caller.holder.kind is KeyKind.DEVICE:
        raise _wants_secret_key(KeyKind.DEVICE)
    return caller


def _wants_secret_key(kind: KeyKind) -> AccessDenied:
    return AccessDenied(f"You attached a {kind.lower()} key but this route may only be accessed with a secret key")


# ------------------------------------------------------------------ codes


@router.get("/codes/code/{code:path}")
@router.get("/codes/{code}")
async def find_code(request: Request) -> JsonResponse:
    """A code: at the docs' path [seed], and at the one that the SDK calls without escaping anything [doc]."""
    caller = await _caller(request)
    found = await find.code(caller.organization.id, request.path_params["code"])
    return responses.answer((await responses.codes([found]))[0])


@router.post("/codes/claim")
async def claim_code(request: Request) -> JsonResponse:
    """A claim's token [doc], with either key [seed]; a public one hears no rule (choice)."""
    caller = await _caller(request, Right.CLAIM)
    body = await kit.read_json_object(request, caller.is_public)
    text, person = requests.text(body, "code"), params.Person(requests.text(body, "email"))
    try:
        claimed = await claim.code(
            caller.organization,
            text,
            person,
            order=None,
            location_number=None,
            idempotency_key=None,
            guard=caller.guard,
            refusal_counter=caller.services.refusal_counter,
            now=caller.now,
        )
    except Refusal as refusal:
        raise refusals.for_public_key(refusal) if caller.is_public else refusal from None
    return responses.answer({"token": claimed.exchange_token})


@router.post("/codes/generate")
async def generate_codes(request: Request) -> Response:
    """New codes [seed] of the organization's default promotion, all of them in an array [doc]."""
    caller = await _caller(request)
    body = await kit.read_json_object(request)
    amount, form = requests.number(body, "amount", requests.MOST_CODES), requests.format_of(body)
    options = requests.options(body)
    made = await generate.codes(caller.organization, None, amount, form, options, False, None, caller.now)
    pages = (await responses.codes(page) async for page in find.by_ids_in_order(Code, made.ids))
    return await kit.complete_response(b'{"success":true,"data":', pages, b"}")


@router.post("/codes/send")
async def send_code(request: Request) -> JsonResponse:
    """How many different people were named [seed], and how many of them have a letter waiting now (choice).

    Who was sent the code before gets no second letter, so that a call may be repeated (choice); who wants none
    gets none. A code that is switched off or over is refused as a claim of it is (choice); one that is used up is
    sent, as the documented samples claim their code before they send it [seed].
    """
    caller = await _caller(request)
    body = await kit.read_json_object(request)
    text, people = requests.text(body, "code"), requests.recipients(body)

    async def sent_if(used_up: bool) -> send.SendResult:
        return await send.code(caller.organization, text, people, None, False, False, None, caller.now, used_up)

    try:
        sent = await sent_if(used_up=False)
    except (FullyClaimed, PromotionSpent):  # what is off or over is told before these
        sent = await sent_if(used_up=True)
    caller.services.letters_queued.set()
    return responses.answer({"receivedLeads": sent.received, "notifiedLeads": sent.queued})


@router.api_route("/codes/delete", methods=["POST", "DELETE"])
async def delete_code(request: Request) -> JsonResponse:
    """The deleted code [doc]; POST is the docs' method [seed], DELETE the SDK's [doc]."""
    caller = await _caller(request)
    text = requests.text(await kit.read_json_object(request), "code")
    [gone] = await responses.codes([await find.code(caller.organization.id, text)])
    await delete.code(caller.organization, text, dry_run=False)
    return responses.answer(gone)


# ------------------------------------------------------------------ claims


@router.post("/claims/exchange")
async def exchange_token(request: Request) -> JsonResponse:
    """The claim's code and lead, the lead also as `customer`, which the SDK's types call it [doc]."""
    caller = await _caller(request)
    token = requests.text(await kit.read_json_object(request), "token")
    found = await exchange.token(caller.organization, token, caller.now)
    if found.customer.email is None:
        raise UnknownToken  # the lead was deleted meanwhile, and no reply of Lancero's is without one
    joined_by_this = found.customer.joined_at == found.created_at
    lead = await leads.lead_of(found.customer, caller.organization, is_new=joined_by_this)
    return responses.answer({"lead": lead, "customer": lead, "code": (await responses.codes([found.code]))[0]})


# ------------------------------------------------------------------ leads


def _lead_answer(request: Request, data: Any) -> JsonResponse:
    """The envelope; clients of `/customers/*`, as leads were called until 2022, read `customer` [doc]."""
    is_old = request.url.path.startswith("/customers")
    return responses.answer(data, customer=data) if is_old else responses.answer(data)


@router.get("/leads")
@router.get("/customers")
async def all_leads(request: Request) -> Response:
    """Every lead [doc], in the order they became known (choice)."""
    caller = await _caller(request)
    organization = caller.organization
    parts: list[Any] = [b'{"success":true,"data":', leads.every(organization)]
    if request.url.path.startswith("/customers"):
        parts += [b',"customer":', leads.every(organization)]
    return await kit.list_response(request, organization.id, caller.services.streams, *parts, b"}")


@router.get("/leads/email/{email:path}")
@router.get("/customers/email/{email:path}")
async def find_lead(request: Request) -> JsonResponse:
    """A lead by its address as it stands in the path, `+` and all [doc]."""
    caller = await _caller(request)
    try:
        found = await find.customer(caller.organization.id, request.path_params["email"])
    except InvalidInput:
        raise UnknownCustomer from None
    return _lead_answer(request, await leads.lead_of(found, caller.organization))


@router.post("/leads/create")
@router.post("/customers/create")
async def create_lead(request: Request) -> JsonResponse:
    """A new lead, with either key [doc]; `referralCode` is another lead's [doc], its own is always drawn.

    A public key hears of nobody else: not who referred the lead, nor names known from before (choice). Who is a lead
    already can be asked in this way, so each of its sign-ups counts as a failed attempt, also one that succeeds
    (choice).
    """
    caller = await _visitor(request)
    body = await kit.read_json_object(request, caller.is_public)
    if caller.guard is not None:
        await caller.guard.count()
    names = requests.optional_text(body, "firstname"), requests.optional_text(body, "lastname")
    person = params.Person(requests.text(body, "email"), *names)
    referrer = await leads.referrer(caller.organization, requests.optional_text(body, "referralCode"))
    told = {"lancero": requests.particulars(body)}
    brought_by_id = referrer.id if referrer else None
    made = await create.customer(caller.organization, person, told, caller.now, brought_by_id)
    if caller.is_public:
        said = validate.person(person)
        made.first_name, made.last_name, referrer = said.first_name, said.last_name, None
    return _lead_answer(request, leads.lead(made, caller.organization, referrer, [], has_claimed=False))


@router.api_route("/leads/delete", methods=["POST", "DELETE"])
@router.api_route("/customers/delete", methods=["POST", "DELETE"])
async def delete_lead(request: Request) -> JsonResponse:
    """The deleted lead [doc], as it was; POST is the docs' method, DELETE the SDK's [doc]."""
    caller = await _caller(request)
    email = requests.text(await kit.read_json_object(request), "email")
    gone = await delete.customer(caller.organization, email, caller.now)
    return _lead_answer(request, await leads.lead_of(gone, caller.organization))


# ------------------------------------------------------------------ the rest


@router.post("/projects/addvisit")
async def add_visit(request: Request) -> JsonResponse:
    """A visit, told by a script that reads no answer [doc]; nothing of it is kept (choice)."""
    await _visitor(request)
    return JsonResponse({"success": True})


async def _unknown_route(request: Request) -> JsonResponse:
    """Whatever else is asked below these paths (choice)."""
    raise UnknownRoute


async def _allowed(request: Request) -> JsonResponse:
    """What is asked before a question needs no key (choice)."""
    return JsonResponse({}, headers={"Allow": ", ".join([*METHODS, "OPTIONS"])})


for _path in (*BROWSER_PATHS, "/webhooks", "/waitlists"):
    router.add_api_route(_path, _allowed, methods=["OPTIONS"])
    router.add_api_route(f"{_path}/{{rest:path}}", _allowed, methods=["OPTIONS"])
    router.add_fallback(_path, _unknown_route)
