"""Loopback ports that no other test process takes meanwhile."""

import os
import re

from cloud.devtools.local_stack.ports import free_ports

_MOST_WORKERS = 16
_taken: set[int] = set()


def free_port() -> int:
    """Return a free port of the loopback interface; another at each call.

    Test processes that run side by side draw from disjoint sets: a port that one has chosen can't be taken by another
    before its server listens, nor while that server restarts.
    """
    worker = int(re.sub(r"\D", "", os.environ.get("PYTEST_XDIST_WORKER", "")) or 0) % _MOST_WORKERS
    while True:
        (port,) = free_ports(1)
        if port % _MOST_WORKERS == worker and port not in _taken:
            _taken.add(port)
            return port
