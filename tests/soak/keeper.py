"""The daemons and their supervisor, which restarts dead ones."""

import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.soak.model import Violations
from tests.soak.rivals import ROOT
from tests.support.proxy import TcpProxy

_LEADS = "This daemon is the leader"
_STANDS_BY = "Standing by"
_FAULTS = ("Traceback (most recent call last)", "Internal error")
_LOOK_SECONDS = 0.05
_BACKOFF_SECONDS = 0.5


class KeptDaemon:
    """One daemon, behind its own network to the broker and to the database server."""

    def __init__(self, name: str, folder: Path, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self.name = name
        self.log_file = folder / f"{name}.log"
        self.environment = dict(environment)
        self.starts = 0
        self.to_broker: TcpProxy | None = None
        self.to_database: TcpProxy | None = None
        self.paused = False
        self.expects_crash = False
        self._command = command
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._log_from = 0
        self._ended_by_us = False

    def start(self) -> None:
        self.starts += 1
        self._log_from = self.log_file.stat().st_size if self.log_file.exists() else 0
        # A signal that comes meanwhile is for the new process: it may have the old environment.
        with self.log_file.open("ab") as log, self._lock:
            self._ended_by_us = False
            self._process = subprocess.Popen(
                [*self._command, "daemon"],
                env=self.environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def send(self, signal_number: signal.Signals) -> None:
        with self._lock:
            assert self._process is not None
            if signal_number in (signal.SIGKILL, signal.SIGTERM):
                self._ended_by_us = True
            self.paused = signal_number == signal.SIGSTOP
            self._process.send_signal(signal_number)

    def wait(self) -> None:
        assert self._process is not None
        self._process.wait()

    def ended(self) -> str | None:
        """Return how it ended, by itself or by us, or None where it runs."""
        assert self._process is not None
        status = self._process.poll()
        if status is None:
            return None
        return (
            "by us"
            if self._ended_by_us or self.expects_crash
            else f"by itself with status {status}:\n{self.log()[-2000:]}"
        )

    def log(self) -> str:
        """Return what the present process has logged."""
        with self.log_file.open("rb") as log:
            log.seek(self._log_from)
            return log.read().decode(errors="replace")

    def leads(self) -> bool:
        """Tell whether it says that it is the leader."""
        said = self.log()
        return said.rfind(_LEADS) > said.rfind(_STANDS_BY)

    def faults(self) -> list[str]:
        return [fault for fault in _FAULTS if fault in self.log()]


class Keeper:
    """Starts the daemons again as they die, and says of each that died by itself."""

    def __init__(self, daemons: Sequence[KeptDaemon], violations: Violations) -> None:
        self.daemons = daemons
        self._violations = violations
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._keep, daemon=True)

    def start(self) -> None:
        for daemon in self.daemons:
            daemon.start()
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()
        for daemon in self.daemons:
            daemon.send(signal.SIGCONT)
            daemon.send(signal.SIGKILL)
            daemon.wait()

    def leader(self) -> KeptDaemon | None:
        """Return a daemon that says that it leads; the one that was paused counts least."""
        leading = sorted((daemon for daemon in self.daemons if daemon.leads()), key=lambda daemon: daemon.paused)
        return leading[0] if leading else None

    def standby(self) -> KeptDaemon:
        leader = self.leader()
        return next(daemon for daemon in self.daemons if daemon is not leader)

    def what_is_wrong(self, lease_holder: str | None) -> list[str]:
        """Return why there is not exactly one leader, which the lease names."""
        leading = [daemon for daemon in self.daemons if daemon.leads()]
        if len(leading) != 1:
            return [f"{len(leading)} daemons say that they lead ({[daemon.name for daemon in leading]})"]
        if lease_holder is None or f":{leading[0].pid}:" not in lease_holder:
            return [f"{leading[0].name} (process {leading[0].pid}) says that it leads; the lease names {lease_holder}"]
        connected = [daemon.name for daemon in self.daemons if daemon.to_broker and daemon.to_broker.connections]
        if connected != [leading[0].name]:
            return [f"{leading[0].name} leads, and connected to the broker are {connected}"]
        return []

    def _keep(self) -> None:
        while not self._stopping.wait(_LOOK_SECONDS):
            for daemon in self.daemons:
                how = daemon.ended()
                if how is None:
                    continue
                if how != "by us":
                    self._violations.add(f"{daemon.name} ended {how}")
                    self._stopping.wait(_BACKOFF_SECONDS)
                daemon.start()


def environment_for(database_url: str, broker_port: int) -> dict[str, str]:
    """Return what a process of ours needs to know; the modules are those beside this one, wherever that is."""
    return dict(os.environ) | {
        "PYTHONPATH": str(ROOT),
        "LAMPI_DATABASE_URL": database_url,
        "LAMPI_BROKER_URL": f"mqtt://127.0.0.1:{broker_port}",
        # Ours have eight characters or more, stock lamps six.
        "LAMPI_SHORT_CODE_LENGTH": "8",
        # Six users lose thousands of races here: what is soaked is who wins them.
        "LAMPI_GUESSES_PER_USER": "1000000",
        "LAMPI_GUESSES_PER_SOURCE": "1000000",
        "LAMPI_GUESS_RISK": "1",
    }
