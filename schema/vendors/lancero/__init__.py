"""Lancero's API: invite codes and leads, for `@lancero/node` 0.0.18, the widgets and callers of the public API.

Marks: [doc] and [seed] are recorded facts, a choice is ours (docs/vendors/lancero.md has the addresses).
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from db.enums import KeyKind
from db.models import Code
from resolvers import claim, create, delete, exchange, find, generate, send
from resolvers.authenticate import Right
from resolvers.domain import params, refusals, validate
from resolvers.domain.refusals import FullyClaimed, InvalidInput, PromotionSpent, Refusal, UnknownCustomer, UnknownToken
from schema import context
from schema.context import AccessDenied, Caller
from schema.vendors import kit
from schema.vendors.kit import Failures, JsonObject, JsonResponse
from schema.vendors.lancero import leads, models, requests, responses
from schema.vendors.lancero.errors import LanceroRoute
from schema.vendors.lancero.models import failures

Endpoint = Callable[[Request], Awaitable[Response]]

BROWSER_PATHS = ("/codes", "/claims", "/leads", "/customers", "/projects")
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "TRACE"]

router = APIRouter(
    route_class=LanceroRoute,
    tags=["Lancero"],
    dependencies=[kit.KEY],
    responses=failures(400, 401, 500, 503),
)


# ------------------------------------------------------------------ callers


async def _caller(request: Request, right: Right = Right.MANAGE) -> Caller:
    """The caller of a request, if the key has the right; `Incorrect …` is [doc], the rest choices."""
    if "authorization" not in request.headers:
        raise AccessDenied("No authorization header passed")
    try:
        holder = await context.holder(request.headers)
    except AccessDenied:
        raise AccessDenied("Incorrect Bearer token specified") from None
    try:
        context.require(holder, right)
    except AccessDenied:
        raise _needs_secret_key(holder.kind) from None
    return await context.caller(request, holder)


async def _visitor(request: Request) -> Caller:
    """The caller of a route that pages with a public key may call [doc]; devices may not."""
    caller = await _caller(request, Right.CLAIM)
    if caller.holder.kind is KeyKind.DEVICE:
        raise _needs_secret_key(KeyKind.DEVICE)
    return caller


def _needs_secret_key(kind: KeyKind) -> AccessDenied:
    return AccessDenied(f"You attached a {kind.lower()} key but this route may only be accessed with a secret key")


# ------------------------------------------------------------------ codes


@router.get(
    "/codes/code/{code:path}",
    summary="Find a code, as the SDK asks",
    response_model=models.LanceroSuccess[models.LanceroCode],
    responses=failures(404),
)
@router.get(
    "/codes/{code}",
    summary="Find a code",
    response_model=models.LanceroSuccess[models.LanceroCode],
    responses=failures(404),
)
async def find_code(request: Request) -> JsonResponse:
    """A code: at the docs' path [seed], and at the one that the SDK calls without escaping [doc]."""
    caller = await _caller(request)
    code = await find.code(caller.organization.id, request.path_params["code"])
    return responses.success((await responses.codes(caller.organization.id, [code]))[0])


@router.post(
    "/codes/claim",
    summary="Claim a code",
    response_model=models.LanceroSuccess[models.ClaimToken],
    responses=failures(403, 404, 409, 413, 429),
    openapi_extra=kit.body(models.ClaimBody),
)
async def claim_code(request: Request) -> JsonResponse:
    """A claim's token [doc], with either key [seed]; a public one is not told which rule refused it (choice)."""
    caller = await _caller(request, Right.CLAIM)
    body = await kit.read_json_object(request, caller.is_public)
    text, person = requests.text(body, "code"), params.Person(requests.text(body, "email"))
    try:
        result = await claim.code(
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
    return responses.success({"token": result.exchange_token})


@router.post(
    "/codes/generate",
    summary="Generate codes",
    response_model=models.LanceroSuccess[list[models.LanceroCode]],
    responses=failures(403, 409, 413),
    openapi_extra=kit.body(models.GenerateBody),
)
async def generate_codes(request: Request) -> Response:
    """New codes [seed] of the organization's default promotion, all of them in an array [doc]."""
    caller = await _caller(request)
    body = await kit.read_json_object(request)
    amount, format = requests.number(body, "amount", requests.MAX_CODES), requests.code_format(body)
    options = requests.options(body)
    generated = await generate.codes(caller.organization, None, amount, format, options, False, None, caller.now)
    owner = caller.organization.id
    rows = find.by_ids_in_order(Code, owner, generated.ids)
    pages = (await responses.codes(owner, page) async for page in rows)
    return await kit.complete_response(b'{"success":true,"data":', pages, b"}")


@router.post(
    "/codes/send",
    summary="Send a code by e-mail",
    response_model=models.LanceroSuccess[models.SentCount],
    responses=failures(403, 404, 409, 413),
    openapi_extra=kit.body(models.SendBody),
)
async def send_code(request: Request) -> JsonResponse:
    """The number of different recipients [seed], and how many of them have a letter in the queue now (choice).

    A recipient to whom the code was sent before gets no second letter, so that a call may be repeated (choice);
    those who have unsubscribed get none. A code that is switched off or has ended is refused as a claim of it is
    (choice); one that is used up is sent, as the documented samples claim their code before they send it [seed].
    """
    caller = await _caller(request)
    body = await kit.read_json_object(request)
    text, people = requests.text(body, "code"), requests.recipients(body)

    async def queue(used_up: bool) -> send.SendResult:
        return await send.code(caller.organization, text, people, None, False, False, None, caller.now, used_up)

    try:
        result = await queue(used_up=False)
    except (FullyClaimed, PromotionSpent):  # a code that is off or has ended is refused before these
        result = await queue(used_up=True)
    caller.services.letters_queued.set()
    return responses.success({"receivedLeads": result.received, "notifiedLeads": result.queued})


@router.post(
    "/codes/delete",
    summary="Delete a code",
    response_model=models.LanceroSuccess[models.LanceroCode],
    responses=failures(404, 413),
    openapi_extra=kit.body(models.CodeBody),
)
@router.delete(
    "/codes/delete",
    summary="Delete a code, as the SDK does",
    response_model=models.LanceroSuccess[models.LanceroCode],
    responses=failures(404, 413),
    openapi_extra=kit.body(models.CodeBody),
)
async def delete_code(request: Request) -> JsonResponse:
    """The deleted code [doc]; POST is the docs' method [seed], DELETE the SDK's [doc]."""
    caller = await _caller(request)
    text = requests.text(await kit.read_json_object(request), "code")
    [deleted] = await responses.codes(caller.organization.id, [await find.code(caller.organization.id, text)])
    await delete.code(caller.organization, text, dry_run=False)
    return responses.success(deleted)


# ------------------------------------------------------------------ claims


@router.post(
    "/claims/exchange",
    summary="Exchange the token of a claim",
    response_model=models.LanceroSuccess[models.ExchangedClaim],
    responses=failures(404, 413),
    openapi_extra=kit.body(models.ExchangeBody),
)
async def exchange_token(request: Request) -> JsonResponse:
    """The claim's code and lead, the lead also as `customer`, which the SDK's types call it [doc]."""
    caller = await _caller(request)
    token = requests.text(await kit.read_json_object(request), "token")
    exchanged = await exchange.token(caller.organization, token, caller.now)
    if exchanged.customer.email is None:
        raise UnknownToken  # the lead was deleted meanwhile, and Lancero's responses always have one
    joined_by_this = exchanged.customer.joined_at == exchanged.created_at
    lead = await leads.load_lead(exchanged.customer, caller.organization, is_new=joined_by_this)
    [code] = await responses.codes(caller.organization.id, [exchanged.code])
    return responses.success({"lead": lead, "customer": lead, "code": code})


# ------------------------------------------------------------------ leads


def _lead_routes(
    summary: str,
    data: object,
    failures: Failures,
    path: str,
    methods: Sequence[str],
    body: type[BaseModel] | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """A decorator that adds routes below `/leads`, and below `/customers`, the name of leads until 2022 [doc]."""

    def add(endpoint: Endpoint) -> Endpoint:
        for prefix, success in (("/leads", models.LanceroSuccess), ("/customers", models.CustomerSuccess)):
            for method in methods:
                router.add_api_route(
                    prefix + path,
                    endpoint,
                    methods=[method],
                    summary=summary,
                    response_model=success[data],
                    responses=failures,
                    openapi_extra=None if body is None else kit.body(body),
                    deprecated=prefix == "/customers",
                )
        return endpoint

    return add


def _lead_response(request: Request, data: JsonObject) -> JsonResponse:
    """The envelope; clients of `/customers/*`, the name of leads until 2022, read `customer` [doc]."""
    is_old = request.url.path.startswith("/customers")
    return responses.success(data, customer=data) if is_old else responses.success(data)


@_lead_routes("List leads", list[models.Lead], failures(429), "", ["GET"])
async def all_leads(request: Request) -> Response:
    """Every lead [doc], in the order they became known (choice)."""
    caller = await _caller(request)
    organization = caller.organization
    parts: list[bytes | AsyncIterator[list[JsonObject]]] = [b'{"success":true,"data":', leads.pages(organization)]
    if request.url.path.startswith("/customers"):
        parts += [b',"customer":', leads.pages(organization)]
    return await kit.list_response(request, organization.id, caller.services.streams, *parts, b"}")


@_lead_routes("Find a lead", models.Lead, failures(404), "/email/{email:path}", ["GET"])
async def find_lead(request: Request) -> JsonResponse:
    """A lead by the e-mail address in the path, in which `+` is literal [doc]."""
    caller = await _caller(request)
    try:
        customer = await find.customer(caller.organization.id, request.path_params["email"])
    except InvalidInput:
        raise UnknownCustomer from None
    return _lead_response(request, await leads.load_lead(customer, caller.organization))


@_lead_routes("Create a lead", models.Lead, failures(409, 413, 429), "/create", ["POST"], models.NewLeadBody)
async def create_lead(request: Request) -> JsonResponse:
    """A new lead, with either key [doc]; `referralCode` is another lead's [doc], its own is generated.

    A public key's response has nothing about others: neither the referrer nor earlier names (choice). The response
    reveals whether an address is a lead already, so each sign-up with a public key counts as a failed attempt, even
    if it succeeds (choice).
    """
    caller = await _visitor(request)
    body = await kit.read_json_object(request, caller.is_public)
    if caller.guard is not None:
        await caller.guard.count()
    names = requests.optional_text(body, "firstname"), requests.optional_text(body, "lastname")
    person = params.Person(requests.text(body, "email"), *names)
    referrer = await leads.referrer(caller.organization, requests.optional_text(body, "referralCode"))
    particulars = {"lancero": requests.particulars(body)}
    brought_by_id = referrer.id if referrer else None
    customer = await create.customer(caller.organization, person, particulars, caller.now, brought_by_id)
    if caller.is_public:
        valid = validate.person(person)
        customer.first_name, customer.last_name, referrer = valid.first_name, valid.last_name, None
    return _lead_response(request, leads.lead_object(customer, caller.organization, referrer, [], has_claimed=False))


@_lead_routes("Delete a lead", models.Lead, failures(404, 413), "/delete", ["POST", "DELETE"], models.LeadBody)
async def delete_lead(request: Request) -> JsonResponse:
    """The deleted lead [doc], as it was; POST is the docs' method, DELETE the SDK's [doc]."""
    caller = await _caller(request)
    email = requests.text(await kit.read_json_object(request), "email")
    customer = await delete.customer(caller.organization, email, caller.now)
    return _lead_response(request, await leads.load_lead(customer, caller.organization))


# ------------------------------------------------------------------ the rest


@router.post(
    "/projects/addvisit",
    summary="Count a visit",
    response_model=models.VisitAccepted,
    openapi_extra=kit.body(models.VisitBody),
)
async def add_visit(request: Request) -> JsonResponse:
    """Accepts a page visit, from a script that ignores the response [doc]; it is not stored (choice)."""
    await _visitor(request)
    return JsonResponse({"success": True})


async def _options(request: Request) -> JsonResponse:
    """OPTIONS, which needs no key (choice)."""
    return JsonResponse({}, headers={"Allow": ", ".join([*METHODS, "OPTIONS"])})


for _path in (*BROWSER_PATHS, "/webhooks", "/waitlists"):
    router.options(_path, include_in_schema=False)(_options)
    router.options(f"{_path}/{{rest:path}}", include_in_schema=False)(_options)
    kit.add_fallback(router, _path)  # every other method and path (choice)
