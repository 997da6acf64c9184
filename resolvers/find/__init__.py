"""Finds rows: one by its name, those with given ids, or a short list; a module a noun.

Look-ups of codes, promotions by name, locations and products that are made at the same time are one statement each
(db/batching.py); inside a transaction each is made by itself.
"""

from resolvers.find.claims import standing_claims
from resolvers.find.codes import code, code_by_token, code_key, locked_code, only_code, only_codes, prepare
from resolvers.find.customers import (
    customer,
    customers_referred_by,
    customers_with_claims,
    joined_customers,
    recipient_by_token,
)
from resolvers.find.nodes import PAGE_SIZE, Row, by_ids, by_ids_in_order
from resolvers.find.organizations import all_organizations, key_owner, keys, organization
from resolvers.find.places import (
    location,
    location_for,
    locations_of_organization,
    locations_of_promotions,
    product,
    products_of_organization,
)
from resolvers.find.promotions import locked_promotion, promotion, promotion_by_name, valid_ref

__all__ = [
    "PAGE_SIZE",
    "Row",
    "all_organizations",
    "by_ids",
    "by_ids_in_order",
    "code",
    "code_by_token",
    "code_key",
    "customer",
    "customers_referred_by",
    "customers_with_claims",
    "joined_customers",
    "key_owner",
    "keys",
    "location",
    "location_for",
    "locations_of_organization",
    "locations_of_promotions",
    "locked_code",
    "locked_promotion",
    "only_code",
    "only_codes",
    "organization",
    "prepare",
    "product",
    "products_of_organization",
    "promotion",
    "promotion_by_name",
    "recipient_by_token",
    "standing_claims",
    "valid_ref",
]
