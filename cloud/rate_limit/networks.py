"""Limits by network: a source, and the wider IPv6 networks around it.

Providers assign a /56 to a household and a /48 to an organization, so one attacker can use 256 or 65,536 sources of
/64. A wider network's limit is a small multiple of a source's: a mobile network has a /64 for each phone, so strangers
share a /48 too.

An IPv4 address has no wider network. A /24 has up to 256 unrelated customers, and with carrier-grade NAT thousands; an
attacker would lock them out with the wrong codes of one address.
"""

from cloud.store.sources import wider_network

TIMES_A_SOURCE = {56: 2, 48: 5}
"""The limit of an IPv6 network, by prefix length, as a multiple of a /64's."""


def network_limits(source: str, most: int) -> dict[str, int]:
    """Return the limits of a source and of the wider networks around it; ``most`` is the source's."""
    limits = {source: most}
    for bits, times in TIMES_A_SOURCE.items():
        if (network := wider_network(source, bits)) is not None:
            limits[network] = times * most
    return limits
