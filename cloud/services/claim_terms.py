"""The claim URL and the code lifetime that are published with each code."""

from dataclasses import dataclass

from cloud.rate_limit import policy
from cloud.store import claim_url
from shared.protocol.payloads import Unassociated


@dataclass(frozen=True)
class ClaimTerms:
    """The claim URL, if there is one, and the code lifetimes in seconds, None for no expiry.

    ``good_for_offline`` is the lifetime of a code that is issued while its lamp is offline.
    """

    url: str | None = None
    good_for: int | None = None
    good_for_offline: int | None = None

    def waiting(self, code: str, short_code_length: int) -> Unassociated:
        """Return the payload for a new lamp."""
        return Unassociated(code, self.url, short_code_length, good_for=self.good_for)


def announced_terms() -> ClaimTerms:
    """Return the terms that the daemon announced."""
    ttl = policy.announced().ttl
    if ttl is None:
        return ClaimTerms(claim_url.announced())
    lifetimes = (round(lifetime.total_seconds()) for lifetime in (ttl, policy.offline_ttl(ttl)))
    return ClaimTerms(claim_url.announced(), *lifetimes)
