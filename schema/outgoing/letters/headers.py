"""A letter's header, line by line; nobody's name breaks out of it, and links come out whole.

The e-mail package's newer policies lose spaces in long names and subjects outside ASCII (Python 3.11) and encode
long links, which no mail program undoes. So names and subjects are left to its older encoder, and links stand as
they are.
"""

import unicodedata
from email.header import Header
from email.utils import quote

END = "\r\n"
SHORT = 70
"""Characters that fit on a line."""

LONGEST = 300
"""Characters of a name or subject that go into a header; nobody reads more of it there."""


def one_line(text: str) -> str:
    """A text as a header holds it: runs of spaces and line ends are one space, control characters are gone."""
    shown = "".join(letter for letter in " ".join(text.split()) if unicodedata.category(letter) != "Cc")
    return shown[:LONGEST].strip()


def of_text(name: str, text: str) -> str:
    """A header of words."""
    return f"{name}: {_encoded(name, one_line(text))}{END}"


def of_mailbox(name: str, display_name: str, address: str) -> str:
    """A header of one address, with the name of whoever has it, if they have one."""
    shown = one_line(display_name)
    if not shown:
        return f"{name}: {address}{END}"
    called = f'"{quote(shown)}"' if shown.isascii() else _encoded(name, shown)
    fold = END if len(name) + len(called) + len(address) > SHORT or END in called else ""
    return f"{name}: {called}{fold} <{address}>{END}"


def of_token(name: str, token: str) -> str:
    """A header of ours that nobody else has a word in."""
    return f"{name}: {token}{END}"


def _encoded(name: str, line: str) -> str:
    return Header(line, header_name=name).encode(linesep=END)
