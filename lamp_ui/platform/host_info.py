"""The machine's addresses and clock, for the status page (Linux)."""

import fcntl
import socket
import struct
from contextlib import suppress
from datetime import datetime
from ipaddress import IPv6Address
from pathlib import Path

from lamp_ui.core.status_page import MachineFacts

_SIOCGIFADDR = 0x8915
"""The ioctl that reads an interface's IPv4 address (linux/sockios.h)."""

_GLOBAL_SCOPE = "00"
_MOST_ADDRESSES = 2
_IPV6_ADDRESSES = Path("/proc/net/if_inet6")


def read_machine() -> MachineFacts:
    """Return the machine's addresses, without loopback and link-local ones, and its local time."""
    return MachineFacts((*_ipv4_addresses(), *_ipv6_addresses())[:_MOST_ADDRESSES], datetime.now().astimezone())


def _ipv4_addresses() -> list[str]:
    addresses = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        for _, name in socket.if_nameindex():
            with suppress(OSError):  # an interface without an address
                answer = fcntl.ioctl(probe, _SIOCGIFADDR, struct.pack("256s", name.encode()[:15]))
                addresses.append(socket.inet_ntoa(answer[20:24]))
    return [address for address in addresses if not address.startswith("127.")]


def _ipv6_addresses() -> list[str]:
    try:
        lines = _IPV6_ADDRESSES.read_text(encoding="ascii").splitlines()
    except OSError:  # a kernel without IPv6
        return []
    rows = [line.split() for line in lines]
    return [str(IPv6Address(bytes.fromhex(row[0]))) for row in rows if row[3] == _GLOBAL_SCOPE]
