"""Free loopback ports."""

import random
import socket
from pathlib import Path

_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_UNPRIVILEGED = 1024
_MOST_TRIES = 10_000
_DICE = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Return distinct free TCP ports of the loopback interface.

    They are below the kernel's range for outgoing connections and automatically assigned ports. A port in that range
    could be taken between this choice and its use.
    """
    candidates = range(_FIRST_UNPRIVILEGED, _first_ephemeral())
    tries = 0
    free: list[int] = []
    while len(free) < count:
        tries += 1
        port = _DICE.choice(candidates) if candidates and tries < _MOST_TRIES else 0  # 0: the kernel chooses
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            port = probe.getsockname()[1]
            if port not in free:
                free.append(port)
    return free


def _first_ephemeral() -> int:
    try:
        return int(_EPHEMERAL_RANGE.read_text(encoding="ascii").split()[0])
    except OSError:
        return _FIRST_UNPRIVILEGED  # unknown, so the kernel chooses
