"""Proofs of work: challenges that cost whoever wants to be heard some seconds of computing (ALTCHA's, PBKDF2).

Nothing is kept of a challenge: it is signed, says when it is over and for whom it is good, and its proof counts once.
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
COST = 10_000
"""Iterations that a try costs: the server's own work to verify a proof, 2 ms."""

ZEROS = 2
"""Hexadecimal zeros that the derived key begins with: 256 tries on average, a second in a browser."""

GOOD_FOR = 600
"""Seconds in which a challenge may be answered."""

LONGEST = 4_000


class ProofOfWork:
    """How hard challenges are; `clock` tells the seconds since 1970, as the library's own does."""

    def __init__(self, cost: int = COST, zeros: int = ZEROS) -> None:
        self.cost, self.zeros = cost, zeros

    def challenge(self, organization: Organization, origin: str, level: int) -> str:
        """A challenge as ALTCHA's widgets take it, in JSON; each level is twice the work of the one before."""
        made = altcha.create_challenge(
            ALGORITHM,
            self.cost * 2 ** (level % 4),
            key_prefix="0" * (self.zeros + level // 4),
            expires_at=int(time.time()) + GOOD_FOR,
            data={"for": _whose(organization, origin)},
            hmac_secret=_secret(organization),
        )
        return json.dumps(made.to_dict(), separators=(",", ":"))

    async def proven(self, organization: Organization, origin: str, proof: str) -> str | None:
        """The name of a challenge that the proof solves, which is good for this caller; None for anything else."""
        if not 100 <= len(proof) <= LONGEST:
            return None
        try:
            told = json.loads(base64.b64decode(proof, validate=True))
            parameters = told["challenge"]["parameters"]
            if parameters["data"] != {"for": _whose(organization, origin)}:
                return None
            name = str(told["challenge"]["signature"])
            # Deriving a key takes some milliseconds, in which others are served.
            verified = await asyncio.to_thread(altcha.verify_solution, proof, _secret(organization))
        except Exception:  # whatever a stranger has made up; the library promises nothing of such
            return None
        return name if verified.verified else None


def _secret(organization: Organization) -> str:
    return hmac.new(organization.page_secret.encode(), b"proof of work", hashlib.sha256).hexdigest()


def _whose(organization: Organization, origin: str) -> str:
    return hmac.new(_secret(organization).encode(), origin.encode(), hashlib.sha256).hexdigest()[:32]
