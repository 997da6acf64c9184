"""Outcomes that several mutations share."""

import strawberry

from schema.graphql.nouns import Code, Promotion


@strawberry.type
class PromotionChanged:
    promotion: Promotion


@strawberry.type
class CodeChanged:
    code: Code
