"""`make run` as its user sees it: its output, the commands that it prints, and what it leaves behind."""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.ops.deploy.package_files import PROJECT
from tests.support.waiting import wait_until

_COMMAND = re.compile(r"^    (\S*lampi-cloud .*)$", re.MULTILINE)
_SHOWN_CODE = re.compile(r"^│ +([0-9a-f]{3,4}(?: [0-9a-f]{1,4})+) +│$", re.MULTILINE)
ENDED = "Stopped; .desk/ keeps the state for the next run.\n"
START_SECONDS = 90.0


class LocalStackProcess:
    """The local stack in a folder, with or without a display; ``settings`` are further environment variables."""

    def __init__(
        self,
        folder: Path,
        display: str | None = None,
        terminal: str = "terminal.txt",
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._settings = settings or {}
        self.folder = folder
        self._output = folder / terminal
        self._display = display
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        environment = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY")}
        environment |= {"PYTHONPATH": str(PROJECT), "KIVY_HOME": str(self.folder / "kivy")}
        environment |= self._settings
        if self._display is not None:
            environment |= {"DISPLAY": self._display, "LIBGL_ALWAYS_SOFTWARE": "1"}
        with self._output.open("wb") as terminal:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "cloud.devtools.local_stack"],
                cwd=self.folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=terminal,
                stderr=subprocess.STDOUT,
            )
        return self

    def said(self) -> str:
        return self._output.read_text(encoding="utf-8")

    def wait_to_say(self, what: str, times: int = 1) -> None:
        wait_until(
            lambda: self.said().count(what) >= times or self.ended(), f"the stack to say {what!r}", START_SECONDS
        )
        assert self.said().count(what) >= times, f"the stack did not say {what!r}:\n{self.said()}"

    def shown_codes(self) -> list[str]:
        """Return the codes that its popups in the terminal have shown."""
        return [code.replace(" ", "") for code in _SHOWN_CODE.findall(self.said())]

    def commands(self) -> list[str]:
        """Return the commands that it has said to type."""
        return _COMMAND.findall(self.said())

    def type_command(self, command: str) -> str:
        """Run one of its commands exactly as printed, in another terminal in the same folder."""
        done = subprocess.run(
            shlex.split(command),
            cwd=self.folder,
            env=os.environ | {"PYTHONPATH": str(PROJECT)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def ended(self) -> bool:
        assert self._process is not None
        return self._process.poll() is not None

    def wait_to_end(self) -> int:
        assert self._process is not None
        return self._process.wait(START_SECONDS)

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit status."""
        self.send(signal.SIGINT)
        return self.wait_to_end()

    def send(self, signal_number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(signal_number)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.ended():
            self.interrupt()


def processes_of(folder: Path) -> dict[int, str]:
    """Return the command line of each process that works in a folder, or was started with its name, by its id."""
    found = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            environment = (process / "environ").read_bytes()
            command = (process / "cmdline").read_bytes()
            works_in = str((process / "cwd").readlink())
        except OSError:  # ended meanwhile, or another user's
            continue
        own = str(folder).encode()
        if command and int(process.name) != os.getpid() and (own in environment + command or str(folder) in works_in):
            found[int(process.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found
