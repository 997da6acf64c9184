"""Formats a letter's headers, one line each: safe against header injection, and with links unfolded.

The e-mail package's newer policies lose spaces in long names and subjects outside ASCII (Python 3.11) and encode
long links, which no mail program undoes. So names and subjects go through its older encoder, and links stay as
they are.
"""

import unicodedata
from email.header import Header
from email.utils import quote

END = "\r\n"
FOLD_CHARS = 70
"""Characters of a line above which an address goes onto a line of its own."""

MAX_TEXT_CHARS = 300
"""Characters of a name or subject that go into a header; mail programs show no more."""


def one_line(text: str) -> str:
    """A text on one line: runs of spaces and line ends become one space, control characters are removed."""
    shown = "".join(character for character in " ".join(text.split()) if unicodedata.category(character) != "Cc")
    return shown[:MAX_TEXT_CHARS].strip()


def text_header(name: str, text: str) -> str:
    """A header of free text."""
    return f"{name}: {_encoded(name, one_line(text))}{END}"


def mailbox_header(name: str, display_name: str, address: str) -> str:
    """A header of one address, with a display name unless that is empty."""
    shown = one_line(display_name)
    if not shown:
        return f"{name}: {address}{END}"
    written = f'"{quote(shown)}"' if shown.isascii() else _encoded(name, shown)
    fold = END if len(name) + len(written) + len(address) > FOLD_CHARS or END in written else ""
    return f"{name}: {written}{fold} <{address}>{END}"


def token_header(name: str, token: str) -> str:
    """A header of trusted text, which is not encoded."""
    return f"{name}: {token}{END}"


def _encoded(name: str, line: str) -> str:
    return Header(line, header_name=name).encode(linesep=END)
