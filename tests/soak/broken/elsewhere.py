"""Not broken, but far away: each process believes that it is on a machine of its own, as with several servers."""

import os

from cloud.store import lease


def sabotage() -> None:
    """Have this process run on a machine of its own: no other daemon can see it die."""
    name = f"machine-{os.getpid()}"
    lease.this_machine = lambda: name
