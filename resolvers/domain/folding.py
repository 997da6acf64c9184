"""Folds texts to the keys that they are compared by, in our own code, so that both databases agree.

Three kinds of keys: of a code's text (as people type it), of an e-mail address, of what is searched for. A change of a
key needs a migration that folds the rows anew, as 0008_keys does with a copy of its own.
"""

import re
import unicodedata

IGNORABLE = (
    (0x00AD, 0x00AD), (0x034F, 0x034F), (0x061C, 0x061C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F), (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8), (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE0FFF),
)  # fmt: skip
"""`Default_Ignorable_Code_Point` of Unicode 16.0 (DerivedCoreProperties.txt): what is there and shows nothing."""

_DASHES = (
    "\\-\u02d7\u2043\u2212\u058a\u05be\u1400\u1806\u2010-\u2015\u2e17\u2e1a\u2e3a\u2e3b\u2e40\u2e5d\u301c\u3030\u30a0"
    "\ufe31\ufe32\ufe58\ufe63\uff0d\U00010ead"
)
"""Unicode's dashes (category Pd), and what reads as one though it is filed elsewhere: U+02D7, U+2043, U+2212."""

_IGNORED = "".join(f"{chr(first)}-{chr(last)}" for first, last in IGNORABLE)
_UNSEEN = re.compile(f"[{_IGNORED}]+")
_UNSEEN_SPACES_AND_DASHES = re.compile(rf"[\s{_DASHES}{_IGNORED}]+")
_DOTTED_I = re.compile("(i[\u0316-\u0319\u031b-\u033c\u0347-\u0349\u034d\u034e\u0353-\u0356\u0359\u035a]*)\u0307")
"""An i whose dot is written beside it, the small form of İ, with what may stand below the letter in between."""

_OF_ASCII = {
    number: "" if chr(number).isspace() or chr(number) == "-" else chr(number).lower() for number in range(128)
}
"""`code_key` of each ASCII character: most codes have no other, and then no Unicode has to be asked."""


def code_key(text: str) -> str:
    """What a code's text is compared by; empty when nothing but spaces, dashes and what shows nothing was said."""
    if text.isascii():
        return text.translate(_OF_ASCII)
    kept = _UNSEEN_SPACES_AND_DASHES.sub("", _folded(text))
    # What stood apart may join up now: an accent with the letter before it. Folded again, nothing changes.
    return kept if kept == text else code_key(kept)


def search_key(text: str) -> str:
    """What a text is searched by: the same case of every alphabet, composed or not, with single spaces."""
    if text.isascii():
        return " ".join(text.lower().split())
    kept = " ".join(_UNSEEN.sub("", _folded(text)).split())
    return kept if kept == text else search_key(kept)


def beyond_ascii(text: str | None) -> str | None:
    """What is kept of a text to be searched by; None where it is ASCII, whose case databases know themselves."""
    return None if text is None or text.isascii() else search_key(text)


def local_key(local: str) -> str:
    """What the part of an address before the @ is compared by: lower case, not the full folding of ß to ss."""
    return unicodedata.normalize("NFC", local.lower())


def _folded(text: str) -> str:
    """Taken apart, casefolded and put together (NFKC), with İ, I, ı and i as one letter."""
    folded = unicodedata.normalize("NFKD", text).casefold().replace("ı", "i")
    if "\u0307" in (apart := unicodedata.normalize("NFD", folded)):
        folded = _DOTTED_I.sub(r"\1", apart)
    return unicodedata.normalize("NFKC", folded)
