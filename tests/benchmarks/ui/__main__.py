"""`make bench-ui`: compares the touchscreen with a minimal Kivy app that polls, in one run on one machine.

    python -m tests.benchmarks.ui [--idle-seconds 60] [--messages 100]

Every figure is taken from outside or from the frame's own hook, on the system's monotonic clock. A
code counts as drawn when the frame that shows it has been given to the window (Kivy's ``flip``).
"""

import os
import queue
import secrets
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Self

import click

from shared.protocol import topics
from shared.protocol.payloads import Unassociated
from tests.support.broker import Mosquitto
from tests.support.screen import LAMP_SIZE, ROOT, VirtualScreen

DEVICE_ID = "b827ebba0387"
SETTLE_SECONDS = 2.0
START_SECONDS = 60.0


class Measured:
    """One of the programs in `apps`, running on a screen of its own."""

    def __init__(self, name: str, broker: Mosquitto, folder: Path) -> None:
        self._broker = broker
        self._screen = VirtualScreen(LAMP_SIZE).start()
        environment = os.environ | {
            "DISPLAY": self._screen.display,
            "KIVY_HOME": str(folder / f"kivy-{name}"),
            "KIVY_NO_CONSOLELOG": "1",
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "LAMPI_BROKER_URL": str(broker.url),
            "LAMPI_DEVICE_ID": DEVICE_ID,
            "LAMPI_SIZE": LAMP_SIZE,
        }
        self.began = time.monotonic()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.ui.apps", name],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self._lines: queue.SimpleQueue[tuple[float, str]] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()

    def drew(self, code: str | None = None) -> float:
        """Return when the next frame with this code, or with any, was drawn."""
        while True:
            at, what = self._lines.get(timeout=START_SECONDS)
            if code is None or what == f"drew {code}":
                return at

    def cpu_seconds(self) -> float:
        """Return what the process has used so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_megabytes(self) -> float:
        """Return its resident memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            at, _, what = line.strip().partition(" ")
            self._lines.put((float(at), what))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait()
        self._screen.stop()


def pause(seconds: float) -> None:
    """Let time pass: what is measured is what happens while nothing does."""
    threading.Event().wait(seconds)


def first_frames(names: list[str], times: int, folder: Path, broker: Mosquitto) -> dict[str, float]:
    """Return the median seconds from a process's start to its first frame, programs taking turns."""
    taken: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(times):
        for name in names:
            with Measured(name, broker, folder) as app:
                taken[name].append(app.drew() - app.began)
    return {name: statistics.median(seconds) for name, seconds in taken.items()}


def latencies(app: Measured, broker: Mosquitto, messages: int) -> list[float]:
    """Return the seconds from each `mosquitto_pub` to the frame with its code."""
    seconds = []
    topic = topics.associated(topics.lamp_prefix(DEVICE_ID))
    for _ in range(messages):
        code = secrets.token_hex(16)
        pause(0.1 + secrets.randbelow(100) / 1000)  # at any moment between two polls
        command = ["mosquitto_pub", "-p", str(broker.port), "-q", "1", "-t", topic, "-s"]
        began = time.monotonic()
        subprocess.run(command, input=Unassociated(code).encode(), check=True)
        seconds.append(app.drew(code[:6]) - began)
    return seconds


@click.command()
@click.option("--idle-seconds", default=60.0, show_default=True)
@click.option("--messages", default=100, show_default=True)
@click.option("--starts", default=5, show_default=True)
def main(idle_seconds: float, messages: int, starts: int) -> None:
    """Measure, and write the table."""
    with tempfile.TemporaryDirectory() as name, Mosquitto(Path(name) / "broker") as broker:
        folder = Path(name)
        first_frames(["ours", "poll"], 1, folder, broker)  # compiles, and fills the caches
        started = first_frames(["ours", "poll"], starts, folder, broker)
        with (
            Measured("ours", broker, folder) as ours,
            Measured("poll", broker, folder) as poll,
            Measured("empty", broker, folder) as empty,
        ):
            for app in (ours, poll, empty):
                app.drew()
            pause(SETTLE_SECONDS)
            before = ours.cpu_seconds(), poll.cpu_seconds()
            pause(idle_seconds)
            idle = [
                100 * (app.cpu_seconds() - used) / idle_seconds for app, used in zip((ours, poll), before, strict=True)
            ]
            memory = ours.memory_megabytes(), empty.memory_megabytes()
            drawn = [sorted(latencies(app, broker, messages)) for app in (ours, poll)]
    median = [1000 * statistics.median(seconds) for seconds in drawn]
    late = [1000 * seconds[int(0.95 * len(seconds))] for seconds in drawn]
    rows = [
        ("message to drawn code, median, ms", median[0], median[1]),
        ("message to drawn code, 95th percentile, ms", late[0], late[1]),
        (f"idle CPU over {idle_seconds:.0f} s, % of a core", idle[0], idle[1]),
        ("start to first frame, s", started["ours"], started["poll"]),
        ("resident memory, MB (beside: an empty app)", memory[0], memory[1]),
    ]
    click.echo(f"{'':44}{'ours':>9}{'10 Hz poll':>12}{'ratio':>8}")
    for what, one, other in rows:
        click.echo(f"{what:44}{one:9.2f}{other:12.2f}{one / other:8.2f}")


if __name__ == "__main__":
    main()
