"""The claim URL and the code lifetime that are published with each code."""

from dataclasses import dataclass

from cloud.rate_limit import policy
from cloud.store import claim_url
from shared.protocol.payloads import Unassociated


@dataclass(frozen=True)
class ClaimTerms:
    """``url`` is the claim URL or None; ``good_for`` is the code lifetime in seconds, None for no expiry."""

    url: str | None = None
    good_for: int | None = None

    def waiting(self, code: str, short_code_length: int) -> Unassociated:
        """Return the payload for a new lamp."""
        return Unassociated(code, self.url, short_code_length, good_for=self.good_for)


def announced_terms() -> ClaimTerms:
    """Return the terms that the daemon announced."""
    ttl = policy.announced().ttl
    return ClaimTerms(claim_url.announced(), None if ttl is None else round(ttl.total_seconds()))
