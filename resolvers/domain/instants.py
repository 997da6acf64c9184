"""Parses instants: strict RFC 3339, or ISO 8601 as vendors' clients write it.

Python's own parser accepts other forms too: weeks, no seconds, any separator, in some versions 24:00.
"""

import re
from datetime import UTC, datetime, timedelta

_RFC_3339 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]([0-9]{2}:[0-9]{2}):([0-9]{2})(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_ISO_8601 = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt ]([0-9]{2}:[0-9]{2})(?::([0-9]{2})([.,][0-9]+)?)?"
    r"([Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)"
)
LEAP = "60"
"""A leap second, which RFC 3339 knows at the end of a month in UTC; for us it is the next second."""


def read(value: object) -> datetime:
    """An RFC 3339 instant in UTC, truncated to microseconds. Raises ValueError."""
    return _read(_RFC_3339, value)


def read_leniently(value: object) -> datetime:
    """The same, also without seconds, with a space for the T, or with an offset as +0100 or +01, which ISO 8601 has."""
    return _read(_ISO_8601, value)


def _read(form: re.Pattern[str], value: object) -> datetime:
    match = form.fullmatch(value) if isinstance(value, str) else None
    if match is None or int(match[2][:2]) > 23:
        raise ValueError("not an instant with its offset")
    day, minute, second, fraction, offset = match.groups()
    is_leap = second == LEAP
    second = "59" if is_leap else second or "00"
    instant = datetime.fromisoformat(f"{day}T{minute}:{second}.{(fraction or '.0')[1:7]:0<6}{_offset(offset)}")
    try:
        utc = instant.astimezone(UTC)
        if not is_leap:
            return utc
        later = utc.replace(microsecond=0) + timedelta(seconds=1)
    except OverflowError:
        raise ValueError("before the year 1, or after 9999") from None
    if (later.day, later.hour, later.minute, later.second) != (1, 0, 0, 0):
        raise ValueError("no leap second")
    return later


def _offset(written: str) -> str:
    if written in "Zz":
        return "+00:00"
    digits = written[1:].replace(":", "")
    hours, minutes = digits[:2], digits[2:] or "00"
    if int(hours) > 23 or int(minutes) > 59:
        raise ValueError("no offset")
    return f"{written[0]}{hours}:{minutes}"
