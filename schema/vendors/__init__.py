"""REST APIs of other vendors, for their clients. Every module here but `kit` is a vendor, and found by being there.

A vendor's module has a `router`, and may list in `BROWSER_PATHS` the path prefixes that pages of any origin call.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def discover() -> list[ModuleType]:
    """The modules of all vendors, by name."""
    return [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__) if module.name != "kit"]
