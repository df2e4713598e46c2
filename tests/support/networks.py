"""Sources of an attacker who has a whole IPv6 network."""

from cloud.store import sources

NEIGHBOURS = {56: "2001:db8:1:100::/64", 48: "2001:db8:2::/64"}
"""A source outside the network of `sources_in`, by prefix length."""


def sources_in(bits: int) -> list[str]:
    """Return 256 sources in a /56, or in a /48 with each in a /56 of its own."""
    step = {56: 1, 48: 256}[bits]
    return [sources.client(f"2001:db8:1:{number * step:x}::1") for number in range(256)]
