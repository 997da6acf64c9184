"""Content negotiation: the quality of a media type in an `Accept` header (RFC 9110, section 12.5.1)."""

import re
from functools import lru_cache

MAX_HEADER_CHARS = 2_000
"""Characters of a header that are read; browsers send 150."""

_ELEMENT = re.compile(r'((?:[^",]|"(?:\\.|[^"\\])*+(?:"|\Z))*+)(?:,|\Z)')
_PARAMETER = re.compile(r';\s*+([^\s=;"]++)\s*+=\s*+("(?:\\.|[^"\\])*+"|[^;\s"]*+)')
_WEIGHT = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def quality(accept: str, media_type: str) -> float:
    """A media type's quality from 0 (not acceptable) to 1, by the most specific range that matches it, 0 if none does.

    Ranges with parameters are ignored, unless the parameter is a `charset` of UTF-8.
    """
    ranges = _ranges(accept)
    kind = media_type.partition("/")[0]
    return next((ranges[fits] for fits in (media_type, f"{kind}/*", "*/*") if fits in ranges), 0.0)


def names_type(accept: str, media_type: str) -> bool:
    """Whether a header has that exact media type, and not only a range with it."""
    return media_type in _ranges(accept)


def _ranges(accept: str) -> dict[str, float]:
    return _cached_parse(accept) if len(accept) < 200 else _parse(accept[:MAX_HEADER_CHARS])


def _parse(accept: str) -> dict[str, float]:
    """The media ranges of a header and their weights; of a repeated range the last counts."""
    ranges: dict[str, float] = {}
    for element in _ELEMENT.findall(accept):
        media_range = element.partition(";")[0].strip().lower()
        weight, fits = 1.0, "/" in media_range
        for name, value in _PARAMETER.findall(element):
            text = value.strip('"').lower()
            if name.lower() == "q":
                weight = float(text) if _WEIGHT.fullmatch(text) else 0.0
                break  # what follows are extensions, which are not about the type
            fits = fits and name.lower() == "charset" and text in ("utf-8", "utf8")
        if fits:
            ranges[media_range] = weight
    return ranges


_cached_parse = lru_cache(maxsize=256)(_parse)
