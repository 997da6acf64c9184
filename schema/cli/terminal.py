"""Escapes control characters in text that is printed or logged, and configures logging.

A mail server's answer, a cell of a file or a client's header may hold characters that a terminal obeys: control
characters (C0, C1), and those that change the direction of writing.
"""

import json
import logging
import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_CONTROL_IN_LINES = re.compile(_CONTROL.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
r"""The same without \t and \n."""


def visible(text: str) -> str:
    r"""A text on one line, with each control character escaped: `\x1b`, `\u202e`."""
    return _CONTROL.sub(_escaped, text)


def visible_lines(text: str) -> str:
    """A text of several lines, with each control character but tabs and line ends escaped."""
    return _CONTROL_IN_LINES.sub(_escaped, text)


def json_text(value: object) -> str:
    """Indented JSON, with each control character escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return _CONTROL_IN_LINES.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


class Formatter(logging.Formatter):
    """A log record on one line; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """The message on one line."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 (logging's name)
        """A traceback; its lines are told from records by their indentation."""
        return visible_lines(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 (logging's name)
        """A stack, as a traceback."""
        return visible_lines(super().formatStack(stack_info))


LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {"()": "schema.cli.terminal.Formatter", "format": "%(levelname)s %(name)s: %(message)s"},
    },
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "stream": "ext://sys.stderr"}},
    "root": {"level": "INFO", "handlers": ["stderr"]},
    "loggers": {"tortoise": {"level": "WARNING"}},
}
"""The logging configuration of every process, uvicorn's loggers included."""
