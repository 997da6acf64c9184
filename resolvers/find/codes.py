"""Finds codes: by text, by signed link, or as the only one of their promotion."""

import asyncio
from collections.abc import AsyncIterator, Sequence

from db import batching
from db.models import Code, Organization, Promotion
from db.queries import codes, organizations, promotions
from resolvers import signed_links
from resolvers.domain import code_format, params, validate
from resolvers.domain.refusals import InvalidInput, UnknownCode, UnknownPromotion
from resolvers.find import nodes
from resolvers.find.promotions import locked_promotion


async def prepare() -> None:
    """Load what the first request would else wait for: the joined word lists, and the codes whose keys clash."""
    await asyncio.to_thread(code_format.prepare)
    await codes.clashing_texts()


async def code_key(organization_id: int, text: str) -> str:
    """The key that a code is looked up by, of the text as people type it. Raises InvalidInput.

    Of two codes that a migration found to be one, the younger is found by its exact text.
    """
    exact, key = validate.code_text(text, "text")
    clashing = await codes.clashing_texts()
    if clashing and (organization_id, exact) in clashing:
        own = codes.exact_key(exact)
        return own if await codes.by_text(organization_id, own) else key
    return key


async def code(organization_id: int, text: str) -> Code:
    """A code by its text, as people type it, with its promotion. Raises UnknownCode.

    Look-ups that are made at the same time are one batch.
    """
    row = await batching.submit(_by_keys, (organization_id, await _known_key(organization_id, text)))
    if row is None:
        raise UnknownCode(text)
    return row


async def locked_code(organization_id: int, text: str, ref: params.PromotionRef | None = None) -> Code:
    """A code with its promotion, whose row is locked first; of the promotion named by `ref`, if it is given.

    Raises UnknownPromotion, UnknownCode.
    """
    promotion = None if ref is None else await locked_promotion(organization_id, ref)
    key = await _known_key(organization_id, text)
    locked = {promotion.id: promotion} if promotion else await promotions.of_codes({(organization_id, key)}, lock=True)
    row = await codes.by_text(organization_id, key)
    if row is None or row.promotion_id not in locked:  # maybe deleted, and made again elsewhere, while we waited
        raise UnknownCode(text)
    row.promotion = locked[row.promotion_id]
    return row


async def _known_key(organization_id: int, text: str) -> str:
    """The key of a text; one that no code can have is UnknownCode."""
    try:
        return await code_key(organization_id, text)
    except InvalidInput:
        raise UnknownCode(text[: code_format.MAX_CODE_LENGTH]) from None


async def _by_keys(pairs: Sequence[tuple[int, str]]) -> list[Code | None]:
    """Codes by pairs of organization id and key, in their order."""
    texts = set(pairs)
    parents = await promotions.of_codes(texts, lock=False)
    rows = await codes.by_texts(texts)
    with_parent = {key: code for key, code in rows.items() if code.promotion_id in parents}  # all but one made just now
    for code in with_parent.values():
        code.promotion = parents[code.promotion_id]
    return [with_parent.get(pair) for pair in pairs]


async def code_by_token(token: str) -> tuple[Organization, Promotion, Code]:
    """The code that the signed token of a page names, with its promotion and organization. Raises UnknownCode."""
    ids = signed_links.read_code_token(token)
    organization = await organizations.by_id(ids[0]) if ids else None
    if ids is None or organization is None or not signed_links.is_code_token(organization, ids[1], token):
        raise UnknownCode(token[: code_format.MAX_CODE_LENGTH])
    code = await codes.by_id(organization.id, ids[1])
    promotion = await promotions.by_id(organization.id, code.promotion_id) if code else None
    if code is None or promotion is None:
        raise UnknownCode(token)
    return organization, promotion, code


async def only_code(account_id: int, promotion_number: int) -> Code:
    """The one code of an account's promotion, with promotion and organization.

    Raises UnknownPromotion, also for a promotion with no or several codes.
    """
    code = await codes.single_of_promotion_number(account_id, promotion_number)
    if code is None:
        raise UnknownPromotion
    return code


async def only_codes(organization_id: int) -> AsyncIterator[list[Code]]:
    """Codes that are the only one of their promotion, each with it, by its position and number, PAGE_SIZE at a time."""
    page, after = await codes.page_of_singles(organization_id, None, nodes.PAGE_SIZE)
    while page or after:
        yield page
        page, after = await codes.page_of_singles(organization_id, after, nodes.PAGE_SIZE) if after else ([], None)
