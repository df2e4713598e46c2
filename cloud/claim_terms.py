"""What unclaimed lamps are told beside their codes: where they are claimed, and how long a code is good."""

from dataclasses import dataclass

from cloud import claim_address
from cloud.guessing import policy
from shared.payloads import Unassociated


@dataclass(frozen=True)
class ClaimTerms:
    """``url`` is the page's address, or None; ``good_for`` a code's lifetime in seconds, None for no end."""

    url: str | None = None
    good_for: int | None = None

    def waiting(self, code: str, short_code_length: int) -> Unassociated:
        """Return what the screen of a new lamp is to know."""
        return Unassociated(code, self.url, short_code_length, good_for=self.good_for)


def announced_terms() -> ClaimTerms:
    """Return the terms that a daemon announced."""
    ttl = policy.announced().ttl
    return ClaimTerms(claim_address.announced(), None if ttl is None else round(ttl.total_seconds()))
