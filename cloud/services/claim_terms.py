"""What is published with a lamp's state: claim URL and code lifetime, or the answer to a request at the lamp."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cloud.rate_limit import policy
from cloud.store import claim_url, reset_requests
from cloud.store.lamps import Lampi
from shared.protocol.payloads import Unassociated
from shared.protocol.reset import Reset


@dataclass(frozen=True)
class ClaimTerms:
    """The claim URL, if there is one, and the code lifetimes in seconds, None for no expiry.

    ``good_for_offline`` is the lifetime of a code that is issued while its lamp is offline. ``resets`` has the answers
    to lamps that ask to be released, by device id.
    """

    url: str | None = None
    good_for: int | None = None
    good_for_offline: int | None = None
    resets: Mapping[str, Reset] = field(default_factory=dict)

    def waiting(self, code: str, short_code_length: int, *, stock_screen: bool = False) -> Unassociated:
        """Return the payload for a new lamp; the codes of stock screens never expire."""
        return Unassociated(code, self.url, short_code_length, good_for=None if stock_screen else self.good_for)


def announced_terms(lamps: Iterable[Lampi] = ()) -> ClaimTerms:
    """Return the terms that the daemon announced, and the answers to these lamps."""
    ttl = policy.announced().ttl
    usual, offline = (None, None) if ttl is None else (_seconds(ttl), _seconds(policy.offline_ttl(ttl)))
    resets = {device_id: request.answer for device_id, request in reset_requests.of_lamps(lamps).items()}
    return ClaimTerms(claim_url.announced(), usual, offline, resets)


def _seconds(lifetime: timedelta) -> int:
    return round(lifetime.total_seconds())
