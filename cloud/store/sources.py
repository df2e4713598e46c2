"""Sources of requests, as recorded in the audit log and used for rate limits."""

import os
import pwd
import re
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

SHELL = "shell"
"""The Python shell, and the default for other callers."""

LAMP = "lamp"
"""A request at a lamp's screen."""

SETTINGS = "settings"
"""The daemon, which applies a setting."""

COURSE_IMPORT = "import-course"
"""Beginning of the source of users and lamps that came from a course site."""

UNKNOWN = "unknown"
"""A client whose proxy does not name its address."""

_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d+)?|([^:]+):\d+")

_NETWORK_BITS = 64
"""IPv6 prefix length of one subscriber, who can change the remaining bits with each attempt."""


def command_line(what: str = "command line") -> str:
    """Return the source for the command line, with the name of the system user, or of the user who called sudo."""
    return f"{what} ({os.environ.get('SUDO_USER') or _own_name()})"


def client(address: str) -> str:
    """Return the source for a web or API client: its IPv4 address, or its IPv6 /64 network.

    Proxies write addresses in many ways: with a port, in brackets, as IPv4 mapped to IPv6.

    Raises:
        ValueError: it is not an IP address.
    """
    written = _WITH_PORT.fullmatch(address.strip())
    parsed: IPv4Address | IPv6Address = ip_address(written[1] or written[2] if written else address.strip())
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ip_network((int(parsed), _NETWORK_BITS), strict=False))


def wider_network(source: str, bits: int) -> str | None:
    """Return the network of this prefix length around an IPv6 source, or None for any other source."""
    try:
        network = ip_network(source)
    except ValueError:  # such as the command line
        return None
    return str(network.supernet(new_prefix=bits)) if isinstance(network, IPv6Network) else None


def of_request(forwarded_for: str, address: str) -> str:
    """Return the source of a request from `X-Forwarded-For`, "" without a proxy, and the connection's address.

    The header's first entry counts: the server keeps only entries of trusted proxies. The header is parsed here because
    the server misreads IPv4 addresses that are mapped to IPv6.
    """
    first = forwarded_for.partition(",")[0].strip().strip('"')
    try:
        return client(first or address)
    except ValueError:  # such as "unknown"
        return UNKNOWN


def _own_name() -> str:
    uid = os.getuid()  # not LOGNAME, which can name a different user
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # as in some containers
        return f"uid {uid}"
