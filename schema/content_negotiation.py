"""Content negotiation: how much a client wants a media type, by its `Accept` header (RFC 9110, section 12.5.1)."""

import re
from functools import lru_cache

LONGEST = 2_000
"""Characters of a header that are looked at; browsers send 150."""

_ELEMENT = re.compile(r'((?:[^",]|"(?:\\.|[^"\\])*+(?:"|\Z))*+)(?:,|\Z)')
_PARAMETER = re.compile(r';\s*+([^\s=;"]++)\s*+=\s*+("(?:\\.|[^"\\])*+"|[^;\s"]*+)')
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def quality(accepted: str, media_type: str) -> float:
    """From 0, not wanted, to 1. The most specific range that fits counts, and where none does the type is not wanted.

    A range with parameters is for what we do not send, unless they are a `charset` of UTF-8.
    """
    ranges = _ranges(accepted)
    kind = media_type.partition("/")[0]
    return next((ranges[fits] for fits in (media_type, f"{kind}/*", "*/*") if fits in ranges), 0.0)


def names(accepted: str, media_type: str) -> bool:
    """Whether a header names that very type, and not only one that it is among."""
    return media_type in _ranges(accepted)


def _ranges(accepted: str) -> dict[str, float]:
    return _remembered(accepted) if len(accepted) < 200 else _read(accepted[:LONGEST])


def _read(accepted: str) -> dict[str, float]:
    """The media ranges of a header and their weights; of one that is said twice the last counts."""
    ranges: dict[str, float] = {}
    for element in _ELEMENT.findall(accepted):
        media_range = element.partition(";")[0].strip().lower()
        weight, fits = 1.0, "/" in media_range
        for name, value in _PARAMETER.findall(element):
            said = value.strip('"').lower()
            if name.lower() == "q":
                weight = float(said) if _WEIGHT.fullmatch(said) else 0.0
                break  # what follows are extensions of the header, which say nothing of the type
            fits = fits and name.lower() == "charset" and said in ("utf-8", "utf8")
        if fits:
            ranges[media_range] = weight
    return ranges


_remembered = lru_cache(maxsize=256)(_read)
