"""Proof-of-work challenges (ALTCHA, PBKDF2), which cost a caller some seconds of computing.

Challenges are not stored: each is signed, names its expiry and its caller, and its proof counts once.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import time

import altcha

from db.models import Organization

ALGORITHM = "PBKDF2/SHA-256"
ITERATIONS = 10_000
"""PBKDF2 iterations of one try; verifying a proof costs the server as much, 2 ms."""

PREFIX_ZEROS = 2
"""Hexadecimal zeros at the beginning of the derived key: 256 tries on average, a second in a browser."""

CHALLENGE_SECONDS = 600
"""Seconds until a challenge expires."""

MAX_PROOF_CHARS = 4_000


class ProofOfWork:
    """Makes challenges and verifies proofs; `cost` is iterations a try, `zeros` those of the derived key."""

    def __init__(self, cost: int = ITERATIONS, zeros: int = PREFIX_ZEROS) -> None:
        self.cost, self.zeros = cost, zeros

    def challenge(self, organization: Organization, network: str, level: int) -> str:
        """A challenge for ALTCHA's widgets, as JSON; each level is twice the work of the one before."""
        challenge = altcha.create_challenge(
            ALGORITHM,
            self.cost * 2 ** (level % 4),
            key_prefix="0" * (self.zeros + level // 4),
            expires_at=int(time.time()) + CHALLENGE_SECONDS,
            data={"for": _caller_token(organization, network)},
            hmac_secret=_secret(organization),
        )
        return json.dumps(challenge.to_dict(), separators=(",", ":"))

    async def verify(self, organization: Organization, network: str, proof: str) -> str | None:
        """The name of the challenge that a proof solves, if it was made for this caller; else None."""
        if not 100 <= len(proof) <= MAX_PROOF_CHARS:
            return None
        try:
            payload = json.loads(base64.b64decode(proof, validate=True))
            parameters = payload["challenge"]["parameters"]
            if parameters["data"] != {"for": _caller_token(organization, network)}:
                return None
            name = str(payload["challenge"]["signature"])
            # In a thread: deriving a key takes some milliseconds.
            result = await asyncio.to_thread(altcha.verify_solution, proof, _secret(organization))
        except Exception:  # of a forged proof; the library documents no exceptions
            return None
        return name if result.verified else None


def _secret(organization: Organization) -> str:
    return hmac.new(organization.page_secret.encode(), b"proof of work", hashlib.sha256).hexdigest()


def _caller_token(organization: Organization, network: str) -> str:
    return hmac.new(_secret(organization).encode(), network.encode(), hashlib.sha256).hexdigest()[:32]
