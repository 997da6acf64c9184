"""Starts a job that generates more codes than one transaction should; `jobs.process` works at it."""

from datetime import datetime

from tortoise.transactions import in_transaction

from db.models import Job, Organization, Promotion
from db.queries import jobs
from resolvers import find, idempotency, random_codes
from resolvers.domain import params
from resolvers.domain.code_format import Format
from resolvers.generate.options import CodeOptions, reserve, shared_columns
from resolvers.generate.result import GenerateResult, replay


async def start(
    organization: Organization,
    promotion: params.PromotionRef | None,
    amount: int,
    format: Format,
    options: CodeOptions,
    idempotency_key: str | None,
    args: object,
    now: datetime,
) -> GenerateResult:
    """Insert a job for `amount` codes. Raises UnknownPromotion, IdempotencyMismatch, CodeSpaceTooSmall.

    Whether there is room is looked up before the transaction: near the end of a space that takes seconds.
    """
    shortage = await random_codes.shortage(organization.id, amount, format)
    async with in_transaction():
        earlier = await idempotency.begin(organization.id, idempotency_key, args, now)
        if earlier is not None:
            return await replay(organization, earlier, format)
        parent = await find.promotion(organization.id, promotion)
        if shortage is not None:
            raise shortage
        job = await _insert(organization, parent, amount, format, options, now)
        await idempotency.finish(organization.id, idempotency_key, {"job": job.id})
        return GenerateResult([], amount, format, job=job)


async def _insert(
    organization: Organization, promotion: Promotion, amount: int, format: Format, options: CodeOptions, now: datetime
) -> Job:
    customer = await reserve(organization, options.reserved_for, now)
    columns = shared_columns(organization, promotion, options, customer)
    return await jobs.add(columns, format.style, format.pattern, format.prefix, amount, now)
