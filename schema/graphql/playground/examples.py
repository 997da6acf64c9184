"""The example tabs of the playground; each operation runs unchanged, and again after that."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """One tab. `name` is its operation's name, which GraphiQL shows on the tab."""

    name: str
    query: str
    variables: Mapping[str, object]


MAKE_PROMOTION = Example(
    name="MakePromotionWithCodes",
    query="""\
# Make a promotion with codes.
# Once more: the reference is taken, and
# the promotion gets five codes more.
mutation MakePromotionWithCodes($promotion: CreatePromotionInput!, $codes: GenerateCodesInput!) {
  createPromotion(input: $promotion) {
    __typename
    ... on PromotionChanged {
      promotion {
        id
        reference
        name
        status
      }
    }
    ... on Refusal {
      reason
      message
    }
  }
  generateCodes(input: $codes) {
    __typename
    ... on CodesGenerated {
      codes {
        text
        status
        url
      }
    }
    ... on Refusal {
      reason
      message
    }
  }
}
""",
    variables={
        "promotion": {
            "reference": "playground-spring-sale",
            "name": "Spring sale",
            "discount": {"kind": "PERCENTAGE", "value": "15"},
        },
        "codes": {"promotion": {"reference": "playground-spring-sale"}, "amount": 5},
    },
)

CLAIM_CODE = Example(
    name="ClaimCode",
    query="""\
# Claim a code; the first field sees to it
# that there is one. Once more: the same
# order gets the same claim, replayed.
mutation ClaimCode($promotion: CreatePromotionInput!, $claim: ClaimCodeInput!) {
  createPromotion(input: $promotion) {
    __typename
    ... on Refusal {
      reason
      message
    }
  }
  claimCode(input: $claim) {
    __typename
    ... on CodeClaimed {
      replayed
      claim {
        id
        createdAt
        discount {
          amount
          currency
        }
        code {
          text
          status
        }
      }
    }
    ... on Refusal {
      reason
      message
    }
  }
}
""",
    variables={
        "promotion": {
            "name": "Hello",
            "discount": {"kind": "PERCENTAGE", "value": "15"},
            "codes": ["HELLO-15"],
        },
        "claim": {
            "text": "hello 15",
            "customer": {"email": "ada@example.com"},
            "order": {"reference": "order-1", "total": {"amount": "40.00", "currency": "EUR"}},
        },
    },
)

USAGE = Example(
    name="Usage",
    query="""\
# Usage: claims and refusals by the day.
query Usage($input: UsageInput) {
  usageStats(input: $input) {
    from
    to
    currency
    claims
    orderTotal
    discountTotal
    refusals {
      reason
      count
    }
  }
}
""",
    variables={"input": {"bucket": "DAY"}},
)

EXAMPLES = (MAKE_PROMOTION, CLAIM_CODE, USAGE)
