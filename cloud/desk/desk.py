"""What stands on the desk: two brokers and the daemon under supervisord, their state in one folder."""

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

from cloud.desk import files
from cloud.desk.ports import free_ports
from cloud.errors import Refusal
from cloud.instants import utc_now
from cloud.shipped import PROJECT

START_SECONDS = 60.0
STOP_SECONDS = 15.0
DATABASE = "lampi.db"
"""The desk's database, in its folder."""

_PR_SET_PDEATHSIG = 1
_SYSTEM_PROGRAMS = "/usr/sbin:/usr/local/sbin"


class DeskFault(Refusal):
    """The desk can't be set up; the text says what to do."""


class Desk:
    """Makes the configurations and runs supervisord over them, from `start` to `stop`."""

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
        """Where the page is."""
        return f"http://127.0.0.1:{self.web_port}"

    def take(self) -> None:
        """Make the folder and hold it.

        Raises:
            DeskFault: another desk runs on it.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self._lock = (self.folder / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DeskFault(f"Another 'make run' works in {self.folder}; end that one first.") from None

    def start(self) -> None:
        """Write the configurations and start all of it; return when brokers and page listen.

        Raises:
            DeskFault: a program does not start; the text names it, and its log.
        """
        self._write_configurations()
        self._supervisor_log.unlink(missing_ok=True)  # the last run's
        as_root = ["--user", "root"] if os.geteuid() == 0 else []
        self._supervisord = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", files.DESK_SUPERVISOR, *as_root],
            env=os.environ | self._environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C is for us alone: we end it in order
            preexec_fn=_end_with_parent,  # noqa: PLW1509 - no threads run yet
        )
        self._wait_for("broker", self.port)
        self._wait_for("web", self.web_port)
        if self._lamp_broker:
            self._wait_for("lamp-broker", self.lamp_port)

    def gone(self) -> bool:
        """Tell whether supervisord, and so all that it keeps running, has ended by itself."""
        return self._supervisord is not None and self._supervisord.poll() is not None

    def stop(self) -> None:
        """End everything that was started, and give the folder back."""
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
        user = "root"  # kept where root starts Mosquitto, which ignores this for everyone else
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
            raise DeskFault("There is no mosquitto on this machine; 'make run' installs it.")
        return {
            "LAMPI_MOSQUITTO": shlex.quote(mosquitto),
            "LAMPI_PYTHON": shlex.quote(sys.executable),
            "LAMPI_LAMP_BROKER": str(self._lamp_broker).lower(),
            "LAMPI_BROKER_URL": f"mqtt://127.0.0.1:{self.port}",
            "LAMPI_DATABASE_URL": f"sqlite:///{DATABASE}",  # relative: a URL would end at a # in the folder's name
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
        raise DeskFault(f"The program {program!r} does not start; {self.folder / program}.log says why.")

    def _has_given_up(self, program: str) -> bool:
        """Tell whether supervisord has started a program several times in vain."""
        return self._supervisor_log.exists() and f"gave up: {program} " in self._supervisor_log.read_text()

    def _pause(self) -> None:
        """Let supervisord work for a moment, or learn at once that it ended."""
        try:
            if self._supervisord is not None:
                self._supervisord.wait(0.05)
        except subprocess.TimeoutExpired:
            return


def _end_with_parent() -> None:
    """Have Linux send TERM when our parent is gone, so that even a killed desk leaves nothing behind."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
