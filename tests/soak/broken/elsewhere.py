"""Not broken, but remote: each process believes that it runs on a separate machine, as with several servers."""

import os

from cloud.store import lease


def sabotage() -> None:
    """Have this process run on a machine of its own: no other daemon can see it die."""
    name = f"machine-{os.getpid()}"
    lease.this_machine = lambda: name
