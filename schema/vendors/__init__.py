"""The doors of other vendors' programs. Every module here but `kit`, which they share, is one; nothing lists them.

A vendor's module offers `router`, and may name in `BROWSER_PATHS` the paths that pages of any origin call.
"""

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType


def discover() -> list[ModuleType]:
    """Every vendor, by name."""
    return [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__) if module.name != "kit"]
