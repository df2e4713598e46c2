"""Free loopback ports."""

import random
import socket
from pathlib import Path

_EPHEMERAL_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_FIRST_UNPRIVILEGED = 1024
_BLOCKED_BY_BROWSERS = {1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566, 6679, 6697, 10080}.union(
    range(6665, 6670)
)
"""Above 1023; from the Fetch standard, "Port blocking"."""
_SECURE_MQTT = 8883
"""Here `mosquitto_pub` and `mosquitto_sub` use TLS without being told to."""
_UNSUITABLE = frozenset({*_BLOCKED_BY_BROWSERS, _SECURE_MQTT})
_MOST_TRIES = 10_000
_DICE = random.SystemRandom()


def free_ports(count: int) -> list[int]:
    """Return distinct free TCP ports of the loopback interface.

    They are below the kernel's range for outgoing connections and automatically assigned ports. A port in that range
    could be taken between this choice and its use. None is one that browsers or MQTT clients treat specially.
    """
    candidates = [port for port in range(_FIRST_UNPRIVILEGED, _first_ephemeral()) if port not in _UNSUITABLE]
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
