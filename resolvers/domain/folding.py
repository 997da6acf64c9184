"""Unicode folding: the keys by which texts are compared, in our own code, so that both databases agree.

Three kinds of keys: of a code's text (as people type it), of an e-mail address, of a searched text. A change
of a key needs a migration that folds the rows anew, as 0008_keys does with a copy of its own.
"""

import re
import unicodedata

IGNORABLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""`Default_Ignorable_Code_Point` of Unicode 16.0 (DerivedCoreProperties.txt): characters that show nothing."""

_DASHES = (
    "\\-\u02d7\u2043\u2212\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0"
    "\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead"
)
"""Unicode's dashes (category Pd), and characters of other categories that read as one: U+02D7, U+2043, U+2212."""

_IGNORED = "".join(f"{chr(first)}-{chr(last)}" for first, last in IGNORABLE)
_UNSEEN = re.compile(f"[{_IGNORED}]+")
_UNSEEN_SPACES_AND_DASHES = re.compile(rf"[\s{_DASHES}{_IGNORED}]+")
_DOTTED_I = re.compile("(i[\u0316-\u0319\u031b-\u033c\u0347-\u0349\u034d\u034e\u0353-\u0356\u0359\u035a]*)\u0307")
"""An i with a combining dot above, the small form of İ, and the marks below the letter that may stand in between."""

_OF_ASCII = {
    number: "" if chr(number).isspace() or chr(number) == "-" else chr(number).lower() for number in range(128)
}
"""`code_key` of each ASCII character: most codes have no other, and then Unicode's tables are not needed."""


def code_key(text: str) -> str:
    """The match key of a code's text; empty when it has nothing but spaces, dashes and ignorable characters."""
    if text.isascii():
        return text.translate(_OF_ASCII)
    folded = _UNSEEN_SPACES_AND_DASHES.sub("", _folded(text))
    # An accent may compose with the letter before it now. Folding again until nothing changes makes this idempotent.
    return folded if folded == text else code_key(folded)


def search_key(text: str) -> str:
    """The key by which a text is searched: casefolded and composed, with single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    folded = " ".join(_UNSEEN.sub("", _folded(text)).split())
    return folded if folded == text else search_key(folded)


def beyond_ascii(text: str | None) -> str | None:
    """The search key of a text to be stored; None where it is ASCII, whose case databases fold themselves."""
    return None if text is None or text.isascii() else search_key(text)


def local_key(local: str) -> str:
    """The key of the part of an address before the @: lower case, not the full folding of ß to ss."""
    return unicodedata.normalize("NFC", local.lower())


def _folded(text: str) -> str:
    """Decomposed, casefolded and composed (NFKC), with İ, I, ı and i as one letter."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("ı", "i")
    if "\u0307" in (apart := unicodedata.normalize("NFD", folded)):
        folded = _DOTTED_I.sub(r"\1", apart)
    return unicodedata.normalize("NFKC", folded)
