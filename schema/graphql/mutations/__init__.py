"""The mutations of the schema, a file each: its input, its outcome, its refusals, its right, and its function.

A mutation is a verb and its object: `claimCode` is claim_code.py here, and calls `claim.code`. Its file is found by
being here. An outcome that several mutations share is in schema/graphql/outcomes.py, an input's shared parts in
schema/graphql/parts.py.
"""

from importlib import import_module
from pkgutil import iter_modules

from strawberry.tools import create_type
from strawberry.types.field import StrawberryField


def discover() -> type:
    """The type `Mutation`: the field of every file here, by name. Raises TypeError for a file without one."""
    return create_type("Mutation", [_field(module.name) for module in iter_modules(__path__)])


def _field(name: str) -> StrawberryField:
    """The mutation that has its file's name."""
    field = getattr(import_module(f"{__name__}.{name}"), name, None)
    if not isinstance(field, StrawberryField) or "right" not in field.metadata:
        raise TypeError(f"schema/graphql/mutations/{name}.py has no function {name} with @mutation(right=…).")
    return field
