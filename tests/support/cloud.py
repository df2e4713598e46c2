"""The cloud as its users run it: the command line and the daemon, as processes, on a database of the test's own."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.support.waiting import DEADLINE_SECONDS, wait_until

RUNNING = "Connected to the broker"


class Cloud:
    """One database and one broker URL, and the commands over them."""

    def __init__(self, folder: Path, broker_port: int, database_url: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.database_url = database_url or f"sqlite:///{folder / 'lampi.db'}"
        self.environment = os.environ | {
            "LAMPI_BROKER_URL": f"mqtt://127.0.0.1:{broker_port}",
            "LAMPI_DATABASE_URL": self.database_url,
        }

    def command(self, *words: str, status: int = 0, given: str | None = None) -> str:
        """Run `lampi-cloud` and return all that it said; fail when its exit status is another one."""
        done = self.start(*words, given=given)
        said, _ = done.communicate(given, timeout=60)
        assert done.returncode == status, f"lampi-cloud {' '.join(words)} ended with {done.returncode}:\n{said}"
        return said

    def start(self, *words: str, given: str | None = None) -> subprocess.Popen[str]:
        """Start `lampi-cloud` and return the process."""
        return subprocess.Popen(
            [sys.executable, "-m", "cloud", *words],
            env=self.environment,
            stdin=subprocess.DEVNULL if given is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def lamps(self) -> dict[str, dict[str, Any]]:
        """Return what `lampi-cloud lamps --json` says, by device id."""
        return {lamp["device_id"]: lamp for lamp in json.loads(self.command("lamps", "--json"))}

    def daemon(self, name: str = "daemon", *options: str) -> "DaemonProcess":
        """Return a daemon, not yet started, that logs to a file of its own; by default with `--migrate`."""
        return DaemonProcess(self, self.folder / f"{name}.log", *(options or ("--migrate",)))


class DaemonProcess:
    """`lampi-cloud daemon` in a process."""

    def __init__(self, cloud: Cloud, log_file: Path, *options: str) -> None:
        self._cloud = cloud
        self.log_file = log_file
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, until: str = RUNNING) -> Self:
        """Start it, and wait until its log says a thing."""
        before = self.log().count(until)
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cloud", "daemon", *self._options],
                env=self._cloud.environment,
                stdin=subprocess.DEVNULL,
                stderr=log,
            )
        wait_until(lambda: self.log().count(until) > before, f"the daemon to say {until!r}")
        return self

    def log(self) -> str:
        return self.log_file.read_text() if self.log_file.exists() else ""

    def wait_to_say(self, what: str) -> None:
        wait_until(lambda: what in self.log(), f"the daemon to say {what!r}; it said:\n{self.log()}")

    def send(self, signal_number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(signal_number)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def stop(self) -> int:
        """End it as supervisord does, and return its exit status."""
        assert self._process is not None
        self._process.terminate()
        return self.wait_to_end()

    def wait_to_end(self) -> int:
        """Return its exit status once it has ended."""
        assert self._process is not None
        return self._process.wait(DEADLINE_SECONDS)

    def kill(self) -> None:
        """End it as a crash does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait(DEADLINE_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            try:
                self.stop()
            finally:
                self._process.kill()  # one that ignores the stop fails its test, and must not outlive it
