"""Limits on attempts to sign in, or to recover an account."""

from datetime import timedelta

from cloud.rate_limit.attempts import Limit
from cloud.rate_limit.networks import network_limits

QUARTER = timedelta(minutes=15)
HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)


def guess_limits(what: str, key: str, source: str, known_browser: str | None) -> list[Limit]:
    """Return the limits of a guess at what lets in the user of a name, by the name's key.

    A browser in which that user has signed in before has limits of its own (see `known_browsers`).
    """
    if known_browser is not None:
        of = (f"{what} of", known_browser)
        return [Limit(of, 5, QUARTER), Limit((*of, "a day"), 20, _DAY)]
    return [
        Limit((what, key, source), 5, QUARTER),
        *by_network(f"{what} from", source, 30, QUARTER),
        Limit((f"{what} as", key), 100, HOUR),  # across all addresses; high, because anyone can exhaust it
    ]


def success_limits(key: str, source: str) -> list[Limit]:
    """Return the limits of sign-ins that succeed."""
    return [Limit(("signed in as", key), 100, HOUR), *by_network("signed in from", source, 500, HOUR)]


def by_network(what: str, source: str, most: int, within: timedelta) -> list[Limit]:
    """Return the limits of a source and of the networks around it; ``most`` is the source's."""
    return [Limit((what, name), times, within) for name, times in network_limits(source, most).items()]
