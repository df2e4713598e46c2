"""Runs the local development stack under supervisord, with its state in one folder."""

import ctypes
import fcntl
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

from cloud.db.timestamps import utc_now
from cloud.devtools.local_stack import files
from cloud.devtools.local_stack.ports import free_ports
from cloud.errors import UserError
from cloud.ops.deploy.package_files import PROJECT

START_SECONDS = 60.0
STOP_SECONDS = 15.0
DATABASE = "lampi.db"
"""File name of the database in the stack's folder."""

_PR_SET_PDEATHSIG = 1
_SYSTEM_PROGRAMS = "/usr/sbin:/usr/local/sbin"


class LocalStackFault(UserError):
    """The stack can't be started; the text says what to do."""


class LocalStack:
    """Writes the configuration files and runs supervisord, from `start` to `stop`."""

    def __init__(self, folder: Path, device_id: str, *, lamp_broker: bool) -> None:
        self.folder = folder.resolve()
        self.port, self.lamp_port, self.web_port, *others = free_ports(5)
        self._ports = files.BrokerPorts(self.port, *others)
        self._device_id = device_id
        self._lamp_broker = lamp_broker
        self._supervisor_log = self.folder / "supervisord.log"
        self._lock: IO[str] | None = None
        self._supervisord: subprocess.Popen[bytes] | None = None

    @property
    def web_url(self) -> str:
        """The URL of the web page."""
        return f"http://127.0.0.1:{self.web_port}"

    def take(self) -> None:
        """Create the folder and lock it.

        Raises:
            LocalStackFault: another instance is using it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise LocalStackFault(f"Another 'make run' is using {self.folder}; stop it first.") from None

    def start(self) -> None:
        """Write the configuration files and start all programs; return when brokers and page accept connections.

        Raises:
            LocalStackFault: a program fails to start; the text names it and its log.
        """
        self._write_configurations()
        self._supervisor_log.unlink(missing_ok=True)  # from the previous run
        as_root = ["--user", "root"] if os.geteuid() == 0 else []
        self._supervisord = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", files.SUPERVISOR_CONFIGURATION, *as_root],
            env=os.environ | self._environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C must reach only this process, which stops the others in order
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no threads run yet
        )
        self._wait_for("broker", self.port)
        self._wait_for("web", self.web_port)
        if self._lamp_broker:
            self._wait_for("lamp-broker", self.lamp_port)

    def gone(self) -> bool:
        """Return whether supervisord has exited, and with it all programs."""
        return self._supervisord is not None and self._supervisord.poll() is not None

    def stop(self) -> None:
        """Stop all programs and release the folder."""
        if self._supervisord is not None:
            self._supervisord.terminate()
            try:
                self._supervisord.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._supervisord.kill()
                self._supervisord.wait()
            self._supervisord = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _write_configurations(self) -> None:
        user = "root"  # if root starts Mosquitto, it stays root; otherwise Mosquitto ignores this
        broker, lamp_broker = self.folder / "broker", self.folder / "lamp-broker"
        broker.mkdir(exist_ok=True)
        lamp_broker.mkdir(exist_ok=True)
        now = utc_now()
        authorities = files.make_authorities(self.folder / "ca", broker, user, now)
        lamp = files.provision_lamp(authorities, self._device_id, self.folder / "lamps", self._ports.lamps, now)
        (broker / "mosquitto.conf").write_text(files.cloud_broker(broker, user, self._ports), encoding="utf-8")
        (lamp_broker / "mosquitto.conf").write_text(
            files.lamp_broker(lamp_broker, user, self.lamp_port, lamp), encoding="utf-8"
        )

    def _environment(self) -> dict[str, str]:
        mosquitto = shutil.which("mosquitto") or shutil.which("mosquitto", path=_SYSTEM_PROGRAMS)
        if mosquitto is None:
            raise LocalStackFault("Mosquitto is not installed; 'make run' installs it.")
        return {
            "LAMPI_MOSQUITTO": shlex.quote(mosquitto),
            "LAMPI_PYTHON": shlex.quote(sys.executable),
            "LAMPI_LAMP_BROKER": str(self._lamp_broker).lower(),
            "LAMPI_BROKER_URL": f"mqtt://127.0.0.1:{self.port}",
            "LAMPI_DATABASE_URL": f"sqlite:///{DATABASE}",  # relative: a # in the folder's name would end the URL
            "LAMPI_WEB_PORT": str(self.web_port),
            "LAMPI_CLAIM_URL": f"{self.web_url}/associate",
            "PYTHONPATH": str(PROJECT),
        }

    def _wait_for(self, program: str, port: int) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and not self.gone() and not self._has_given_up(program):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
            except OSError:
                self._pause()
            else:
                return
        raise LocalStackFault(f"The program {program!r} failed to start; see {self.folder / program}.log.")

    def _has_given_up(self, program: str) -> bool:
        """Return whether supervisord has given up on a program after several attempts."""
        return self._supervisor_log.exists() and f"gave up: {program} " in self._supervisor_log.read_text()

    def _pause(self) -> None:
        """Wait briefly, or until supervisord exits."""
        try:
            if self._supervisord is not None:
                self._supervisord.wait(0.05)
        except subprocess.TimeoutExpired:
            return


def _end_with_parent() -> None:
    """Have Linux send TERM when the parent dies, so that a killed stack leaves no processes behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
