"""Not broken, but far away: each process believes that it is on a machine of its own, as with several servers."""

import os
import socket


def sabotage() -> None:
    """Have this process's host name be nobody else's: no other daemon can see it die."""
    name = f"machine-{os.getpid()}"
    setattr(socket, "gethostname", lambda: name)  # noqa: B010
