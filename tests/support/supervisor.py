"""A real supervisord with the shipped program file."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.ops.deploy import package_files
from tests.support.accounts import this_user
from tests.support.cloud import Cloud
from tests.support.waiting import DEADLINE_SECONDS, wait_until

PROGRAM = "lampi-daemon"

_MAIN = """\
[unix_http_server]
file={socket}
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[supervisorctl]
serverurl=unix://{socket}
[supervisord]
nodaemon=true
silent=true
user={user}
logfile={folder}/supervisord.log
pidfile={folder}/supervisord.pid
[include]
files={folder}/conf.d/*.conf
"""


class Supervisor:
    """Runs a shipped program file; only command path, directory, user, environment and log path are this test's.

    ``values`` are further texts of the file to replace.
    """

    def __init__(
        self,
        folder: Path,
        cloud: Cloud,
        program_file: Path = package_files.DAEMON_PROGRAM,
        values: Mapping[str, str] | None = None,
    ) -> None:
        self.program = program_file.stem
        self.program_log = folder / "log" / f"{self.program}.log"
        self._config = folder / "supervisord.conf"
        self.pid_file = folder / "supervisord.pid"
        self._process: subprocess.Popen[bytes] | None = None
        # A socket's path has at most 108 characters, and pytest's folders are long.
        self._socket_folder = tempfile.mkdtemp(prefix="sv")
        for needed in (self.program_log.parent, folder / "conf.d"):
            needed.mkdir(parents=True)
        program = package_files.filled_in(
            program_file,
            {
                "/opt/lampi/bin/lampi-cloud": f"{sys.executable} -m cloud",
                "directory=/var/lib/lampi": f"directory={cloud.folder}",
                "user=lampi": f"user={this_user()}",
                "/etc/lampi/lampi.env": str(folder / "lampi.env"),
                f"/var/log/lampi/{self.program.removeprefix('lampi-')}.log": str(self.program_log),
                **(values or {}),
            },
        )
        settings = (f"{name}={cloud.environment[name]}\n" for name in ("LAMPI_BROKER_URL", "LAMPI_DATABASE_URL"))
        (folder / "lampi.env").write_text("".join(settings))
        (folder / "conf.d" / program_file.name).write_text(program)
        main = _MAIN.format(socket=f"{self._socket_folder}/ctl", user=this_user(), folder=folder)
        self._config.write_text(main)

    def control(self, *words: str, status: int = 0) -> str:
        """Run `supervisorctl`; return what it says."""
        command = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(self._config), *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == status, f"supervisorctl {' '.join(words)}: {done.stdout}{done.stderr}"
        return done.stdout

    def own_log(self) -> str:
        """Return what supervisord itself has logged."""
        log = self.pid_file.with_suffix(".log")
        return log.read_text() if log.exists() else ""

    def pid(self) -> int:
        """Return the program's process id, or 0 where none runs."""
        return int(self.control("pid", self.program))

    def has_open(self, file: Path) -> bool:
        """Tell whether supervisord itself has a file open, by the name that it has now."""
        assert self._process is not None
        return str(file) in {os.path.realpath(opened) for opened in Path(f"/proc/{self._process.pid}/fd").iterdir()}

    def log(self) -> str:
        return self.program_log.read_text() if self.program_log.exists() else ""

    def wait_to_say(self, what: str, times: int = 1) -> None:
        wait_until(lambda: self.log().count(what) >= times, f"the program's log to say {what!r} {times} times")

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "supervisor.supervisord", "-c", self._config],
            env=os.environ | {"PYTHONPATH": str(package_files.PROJECT)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(DEADLINE_SECONDS)
        shutil.rmtree(self._socket_folder)
