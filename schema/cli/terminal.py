"""What goes to a terminal or a log: text of others is shown, and steers nothing.

A mail server's answer, a file's cell or a client's header may hold what a terminal obeys: control characters (C0, C1),
and those that turn the direction of writing.
"""

import json
import logging
import re

_STEERING = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_STEERING_LINES = re.compile(_STEERING.pattern.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f"))
r"""The same, but for \t and \n."""


def visible(text: str) -> str:
    r"""A text on one line, with each character that steers a terminal shown as such: `\x1b`, `\u202e`."""
    return _STEERING.sub(_shown, text)


def visible_lines(text: str) -> str:
    """A text of several lines, each of them as `visible` shows it."""
    return _STEERING_LINES.sub(_shown, text)


def json_text(value: object) -> str:
    """JSON on several lines, in which nothing steers a terminal."""
    written = json.dumps(value, ensure_ascii=False, indent=2)
    return _STEERING_LINES.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _shown(found: re.Match[str]) -> str:
    return ascii(found[0])[1:-1]


class Formatter(logging.Formatter):
    """A record on one line; what a traceback tells keeps its own."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (logging's name)
        """What was said, on one line."""
        return visible(super().formatMessage(record))

    def formatException(self, ei: object) -> str:  # noqa: N802 (logging's name)
        """A traceback, whose lines are told apart from records by where they stand."""
        return visible_lines(super().formatException(ei))  # type: ignore[arg-type]

    def formatStack(self, stack_info: str) -> str:  # noqa: N802 (logging's name)
        """The same of a stack."""
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
"""How every process logs, uvicorn's lines included."""
