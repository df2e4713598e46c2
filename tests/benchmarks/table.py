"""The table of results: what was measured, compared with what, and whether the target was reached."""

import os
import platform
import re
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """One measurement; ``reached`` is None if it has no target."""

    part: str
    what: str
    ours: str
    beside: str = ""
    target: str = ""
    reached: bool | None = None

    def __str__(self) -> str:
        verdict = {True: "yes", False: "**no**", None: ""}[self.reached]
        return f"| {self.part} | {self.what} | {self.ours} | {self.beside} | {self.target} | {verdict} |"


HEAD = "| part | measured | LAMPI | compared with | target | reached |\n|---|---|---|---|---|---|"


def machine_in_words() -> str:
    """Return a description of the machine, without its name."""
    cpu = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    memory = re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text(encoding="ascii"))
    return (
        f"{os.cpu_count()} cores ({cpu[1] if cpu else platform.machine()}), "
        f"{round(int(memory[1]) / 2**20) if memory else '?'} GB of memory, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )


def document(rows: Iterable[Row], command: str, began: datetime, seconds: float, load: tuple[float, float]) -> str:
    """Return the Markdown text to keep; ``load`` is the machine's load before and after."""
    lines = [
        "# How fast it is",
        "",
        f"Measured {began:%Y-%m-%d %H:%M} UTC, in {seconds / 60:.0f} minutes, by `{command}`, on a virtual machine:",
        f"{machine_in_words()}; load average {load[0]:.1f} before, {load[1]:.1f} after.",
        "",
        "Rates are lamps or messages a second. Where there were several rounds, contenders took turns and the",
        "median is shown; ratios are between medians of one run. The module of each part, in",
        "`tests/benchmarks/`, says how its figures are taken.",
        "",
        HEAD,
        *(str(row) for row in rows),
    ]
    return "\n".join(lines) + "\n"
