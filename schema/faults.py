"""Bugs: the log knows what happened, the caller a number to ask for it by."""

import logging
import secrets

log = logging.getLogger("tessera")


class Fault(Exception):
    """What a caller hears of a bug."""

    def __init__(self, number: str) -> None:
        super().__init__(f"Something went wrong here. The log knows more of it as {number}.")
        self.number = number


def logged(bug: BaseException, where: object) -> Fault:
    """Write a bug into the log, under a number of its own."""
    fault = Fault(secrets.token_hex(6))
    log.error("fault %s at %s", fault.number, where, exc_info=bug)
    return fault
