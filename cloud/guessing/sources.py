"""Where an attempt or a change comes from, as history says it and as guesses are counted by."""

import os
import pwd
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

SHELL = "shell"
"""The Python prompt, or any caller that says nothing else."""

_NETWORK_BITS = 64
"""Of an IPv6 address, what one subscriber has; the rest of it is theirs to change with each attempt."""


def command_line() -> str:
    """Return what the command line is, with the name of the system's user, or of who became that user by sudo."""
    return f"command line ({os.environ.get('SUDO_USER') or _own_name()})"


def client(address: str) -> str:
    """Return what a client of a web page or an API is, from its address: of IPv6, its network.

    Raises:
        ValueError: it is not an IP address.
    """
    parsed: IPv4Address | IPv6Address = ip_address(address.strip())
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), _NETWORK_BITS), strict=False))


def _own_name() -> str:
    uid = os.getuid()  # not LOGNAME, which may name a different user
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in some containers
        return f"uid {uid}"
