"""The idle daemon's use of processor time and memory."""

import contextlib
import threading

from tests.benchmarks.processes import cpu_seconds, resident_megabytes
from tests.benchmarks.stage import Stage, daemon
from tests.benchmarks.table import Row

MOST_PERCENT = 1.0
_SETTLE_SECONDS = 3.0


def idle(stage: Stage, kinds: tuple[str, ...], seconds: float) -> list[Row]:
    """Measure for so many seconds, on each kind of database at the same time."""
    pause = threading.Event()
    with contextlib.ExitStack() as running:
        pids = {}
        for kind in kinds:
            broker = running.enter_context(stage.broker())
            pids[kind] = running.enter_context(daemon(stage, broker, stage.database(kind))).pid
        pause.wait(_SETTLE_SECONDS)
        before = {kind: cpu_seconds(pid) for kind, pid in pids.items()}
        pause.wait(seconds)
        rows = []
        for kind, pid in pids.items():
            percent = 100 * (cpu_seconds(pid) - before[kind]) / seconds
            memory = f"{resident_megabytes(pid):.0f} MB resident"
            what = f"of a core over {seconds:.0f} s"
            rows.append(
                Row(
                    f"idle, {kind}", what, f"{percent:.2f} %", memory, f"< {MOST_PERCENT:.0f} %", percent < MOST_PERCENT
                )
            )
    return rows
