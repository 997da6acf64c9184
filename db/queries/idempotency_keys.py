"""Idempotency keys: the stored answers of calls that had a key."""

import json
from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from db import sql, statements
from db.models import IdempotencyKey

_VALUES = statements.ValuesTable(organization_id="bigint", value="text")


class KeyReservation(NamedTuple):
    """A key to be reserved, with the arguments of `reserve`."""

    organization_id: int
    value: str
    fingerprint: str
    now: datetime
    expired_before: datetime


class KeyAnswer(NamedTuple):
    """The fingerprint of the call that a key was used for, and its answer; None while there is none."""

    organization_id: int
    value: str
    fingerprint: str
    answer: object


_RESERVATIONS = statements.ValuesTable.of(KeyReservation)
_ANSWERS = statements.ValuesTable.of(KeyAnswer)


async def reserve(
    organization_id: int, value: str, fingerprint: str, now: datetime, expired_before: datetime
) -> IdempotencyKey | None:
    """Reserve a key that is new or was last used before `expired_before`: None, else the row of its earlier use."""
    reserved = await sql.rows(
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
        expired_before,
    )
    return None if reserved else await IdempotencyKey.get(organization_id=organization_id, value=value)


async def reserve_each(keys: Iterable[KeyReservation]) -> set[tuple[int, str]]:
    """As `reserve`, for different keys; those reserved, by organization and value. In order, against deadlocks."""
    reserved = await _RESERVATIONS.fetch(
        """
        INSERT INTO idempotencykey (organization_id, value, fingerprint, created_at)
        SELECT organization_id, value, fingerprint, now FROM {values} AS reservation WHERE true
        ORDER BY organization_id, value
        ON CONFLICT (organization_id, value) DO UPDATE SET
            fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = NULL
            WHERE idempotencykey.created_at < (
                SELECT expired_before FROM {values} AS reservation
                WHERE reservation.organization_id = excluded.organization_id AND reservation.value = excluded.value
            )
        RETURNING organization_id, value
        """,
        keys,
    )
    return {(row["organization_id"], row["value"]) for row in reserved}


async def answers(keys: Collection[tuple[int, str]]) -> list[KeyAnswer]:
    """The uses of keys, which are named by organization and value."""
    rows = await _VALUES.fetch(
        f"""
        SELECT idempotencykey.organization_id, idempotencykey.value, fingerprint, answer
        FROM {{values}} AS input {_key()}
        """,  # noqa: S608 (names)
        keys,
    )
    return [KeyAnswer(**{**row, "answer": json.loads(row["answer"] or "null")}) for row in rows]


async def save_answers(answers: Iterable[KeyAnswer]) -> None:
    """Save the answers of keys, for the same calls from now on."""
    await _ANSWERS.fetch(
        f"""
        UPDATE idempotencykey SET fingerprint = input.fingerprint, answer = input.answer FROM {{values}} AS input
        WHERE {sql.key_condition("idempotencykey", "organization_id", "value")}
        """,  # noqa: S608 (names)
        [answer._replace(answer=json.dumps(answer.answer)) for answer in answers],
    )


async def release(keys: Collection[tuple[int, str]]) -> None:
    """Delete the reservations of keys, by organization and value."""
    await _VALUES.fetch(
        f"""
        DELETE FROM idempotencykey
        WHERE id {sql.in_subquery(f"SELECT idempotencykey.id FROM {{values}} AS input {_key()}")}
        """,  # noqa: S608 (names)
        keys,
    )


async def save_answer(organization_id: int, value: str, answer: object) -> None:
    """Save a key's answer, for the same call from now on."""
    await IdempotencyKey.filter(organization_id=organization_id, value=value).update(answer=answer)


async def delete_before(before: datetime) -> None:
    """Delete the keys that were used before then."""
    await IdempotencyKey.filter(created_at__lt=before).delete()


def _key() -> str:
    return sql.lateral_join("idempotencykey", organization_id="input.organization_id", value="input.value")
