"""The execution engine: documents are parsed, validated and planned once, then executed by their plan.

It knows Strawberry and graphql-core, and no schema: what it needs of one is handed to `Engine` (README.md).
"""

from schema.graphql.engine.documents import (
    BASE_RULES,
    MAX_INLINE_CHARACTERS,
    Document,
    DocumentLoader,
    FailedRule,
    InvalidDocument,
    Policy,
    TooManyDocuments,
)
from schema.graphql.engine.engine import MODES, Engine, Mode
from schema.graphql.engine.one_of import OneOfVariables, mark_one_of_inputs
from schema.graphql.engine.scheduling import ResponseScheduler
from schema.graphql.engine.supported import Unsupported

__all__ = [
    "BASE_RULES",
    "MAX_INLINE_CHARACTERS",
    "MODES",
    "Document",
    "DocumentLoader",
    "Engine",
    "FailedRule",
    "InvalidDocument",
    "Mode",
    "OneOfVariables",
    "Policy",
    "ResponseScheduler",
    "TooManyDocuments",
    "Unsupported",
    "mark_one_of_inputs",
]
