"""Idempotency keys: what a call with a key has answered."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any, NamedTuple

from db import sql, statements
from db.models import IdempotencyKey

_VALUES = statements.ValuesTable(organization_id="bigint", value="text")
_TAKING = statements.ValuesTable(
    organization_id="bigint", value="text", fingerprint="text", now="timestamptz", forgotten="timestamptz"
)
_ANSWERS = statements.ValuesTable(organization_id="bigint", value="text", fingerprint="text", answer="text")


class Taking(NamedTuple):
    """A key to be taken, as `take` has it."""

    organization_id: int
    value: str
    fingerprint: str
    now: datetime
    forgotten: datetime


class Answer(NamedTuple):
    """What a key was used for, and what that was answered."""

    organization_id: int
    value: str
    fingerprint: str
    answer: Any


async def take(
    organization_id: int, value: str, fingerprint: str, now: datetime, forgotten: datetime
) -> IdempotencyKey | None:
    """Take a key that is new or was last used before `forgotten`; None then, else what it is taken for."""
    taken = await sql.rows(
        """
        INSERT INTO idempotencykey (organization_id, value, fingerprint, created_at) VALUES ($1, $2, $3, $4)
        ON CONFLICT (organization_id, value) DO UPDATE SET
            fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = NULL
            WHERE idempotencykey.created_at < $5
        RETURNING id
        """,
        organization_id,
        value,
        fingerprint,
        now,
        forgotten,
    )
    return None if taken else await IdempotencyKey.get(organization_id=organization_id, value=value)


async def take_each(keys: Iterable[Taking]) -> set[tuple[int, str]]:
    """As `take`, of different keys; those that were taken. They are taken in order, so nobody waits in a circle."""
    taken = await _TAKING.fetch(
        """
        INSERT INTO idempotencykey (organization_id, value, fingerprint, created_at)
        SELECT organization_id, value, fingerprint, now FROM {values} AS taking WHERE true
        ORDER BY organization_id, value
        ON CONFLICT (organization_id, value) DO UPDATE SET
            fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = NULL
            WHERE idempotencykey.created_at < (
                SELECT forgotten FROM {values} AS taking
                WHERE taking.organization_id = excluded.organization_id AND taking.value = excluded.value
            )
        RETURNING organization_id, value
        """,
        keys,
    )
    return {(row["organization_id"], row["value"]) for row in taken}


async def answers(keys: Collection[tuple[int, str]]) -> list[Answer]:
    """What keys, by organization and value, were used for."""
    found = await _VALUES.fetch(
        f"""
        SELECT idempotencykey.organization_id, idempotencykey.value, fingerprint, answer
        FROM {{values}} AS input {_key()}
        """,  # noqa: S608 (names)
        keys,
    )
    return [Answer(**{**row, "answer": json.loads(row["answer"] or "null")}) for row in found]


async def keep_answers(answers: Iterable[Answer]) -> None:
    """What the same calls are answered from now on."""
    await _ANSWERS.fetch(
        f"""
        UPDATE idempotencykey SET fingerprint = input.fingerprint, answer = input.answer FROM {{values}} AS input
        WHERE {sql.key_condition("idempotencykey", "organization_id", "value")}
        """,  # noqa: S608 (names)
        [answer._replace(answer=json.dumps(answer.answer)) for answer in answers],
    )


async def drop(keys: Collection[tuple[int, str]]) -> None:
    """Give keys back, by organization and value."""
    await _VALUES.fetch(
        f"""
        DELETE FROM idempotencykey
        WHERE id {sql.in_subquery(f"SELECT idempotencykey.id FROM {{values}} AS input {_key()}")}
        """,  # noqa: S608 (names)
        keys,
    )


async def keep_answer(organization_id: int, value: str, answer: Any) -> None:
    """What the same call is answered from now on."""
    await IdempotencyKey.filter(organization_id=organization_id, value=value).update(answer=answer)


async def forget(before: datetime) -> None:
    """Drop the keys that were used before then."""
    await IdempotencyKey.filter(created_at__lt=before).delete()


def _key() -> str:
    return sql.lateral_join("idempotencykey", organization_id="input.organization_id", value="input.value")
