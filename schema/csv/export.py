"""Downloads of codes and claims as CSV, streamed, for keys that may see everything."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from resolvers import export, find
from resolvers.authenticate import Right
from resolvers.domain.params import PromotionRef
from resolvers.domain.refusals import InvalidInput, Refusal, UnknownPromotion
from schema import context, errors, limits
from schema.context import AccessDenied, Caller, NoOrganization
from schema.csv import reader, records
from schema.csv.records import Dialect
from schema.streams import StreamedResponse, TooManyStreams

STATUSES: dict[type[Exception], int] = {
    Refusal: 409,
    InvalidInput: 400,
    NoOrganization: 400,
    AccessDenied: 401,
    UnknownPromotion: 404,
    TooManyStreams: 429,
    limits.RequestTimeout: 503,
}

OpenPieces = Callable[[Caller, PromotionRef | None, Dialect], Awaitable[AsyncIterator[bytes]]]


async def codes(request: Request) -> Response:
    """`GET /export/codes.csv`: every code of the caller's organization, or of `?promotion=`."""

    async def open_pieces(caller: Caller, ref: PromotionRef | None, dialect: Dialect) -> AsyncIterator[bytes]:
        rows = await export.codes(caller.organization, ref, caller.now, find.PAGE_SIZE)
        return records.codes(rows, caller.organization, caller.services.public_url, dialect)

    return await _download(request, "codes.csv", open_pieces)


async def claims(request: Request) -> Response:
    """`GET /export/claims.csv`: every claim of the caller's organization, or of `?promotion=`."""

    async def open_pieces(caller: Caller, ref: PromotionRef | None, dialect: Dialect) -> AsyncIterator[bytes]:
        return records.claims(await export.claims(caller.organization, ref, find.PAGE_SIZE), dialect)

    return await _download(request, "claims.csv", open_pieces)


async def _download(request: Request, name: str, open_pieces: OpenPieces) -> Response:
    """A file in pieces, or an error. The time limit is for everything before the first piece."""
    try:
        async with limits.TimeLimit():
            holder = await context.holder(request.headers)
            context.require(holder, Right.MANAGE)
            reference = request.query_params.get("promotion")
            ref = None if reference is None else PromotionRef(reference=reference)
            dialect = _dialect(request.query_params)
            caller = await context.caller(request, holder)
            pieces = await open_pieces(caller, ref, dialect)
            if request.method != "HEAD":
                await caller.services.streams.acquire(caller.organization.id)
    except tuple(STATUSES) as error:
        return _error_response(error, errors.by_class(STATUSES, error))
    except Exception as bug:
        fault = errors.log_error(bug, f"{request.method} {request.url.path}", request.app)
        return _error_response(fault, fault.status)
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    if request.method == "HEAD":
        return Response(headers=headers, media_type="text/csv")
    return StreamedResponse(request, caller.services.streams, caller.organization.id, pieces, "text/csv", headers)


def _dialect(query: Mapping[str, str]) -> Dialect:
    """The dialect of a query: plain, or with `?for=spreadsheet` and its `separator`. Raises InvalidInput."""
    reader_kind, separator = query.get("for"), query.get("separator")
    if reader_kind not in (None, "spreadsheet"):
        raise InvalidInput("`for` is spreadsheet, or not said.", "for")
    if separator is None:
        return Dialect(reader_kind is not None)
    if reader_kind is None:
        raise InvalidInput("Programs get commas: say for=spreadsheet too.", "separator")
    return Dialect(True, reader.read_separator(separator))


def _error_response(error: Exception, status: int) -> Response:
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else errors.retry_headers(error)
    return JSONResponse({"message": str(error)}, status, headers)


routes: list[BaseRoute] = [Route("/export/codes.csv", codes), Route("/export/claims.csv", claims)]
