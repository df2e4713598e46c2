"""Free ports of the loopback interface."""

import random
import socket
from pathlib import Path

_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_UNPRIVILEGED = 1024
_DICE = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Return different loopback TCP ports on which nobody listens.

    They lie below the range from which the kernel gives ports to outgoing connections and to whoever asks for any
    port. A port inside that range can be taken between this choice and its use.
    """
    candidates = list(range(_FIRST_UNPRIVILEGED, _first_ephemeral()))
    _DICE.shuffle(candidates)
    free: list[int] = []
    while len(free) < count:
        port = candidates.pop() if candidates else 0
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
        return _FIRST_UNPRIVILEGED  # unknown: the kernel chooses
