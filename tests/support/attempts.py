"""A list of the attacks tried in tests, printed at the end of the run."""

from collections import Counter
from collections.abc import Callable
from typing import Any

_PROPERTY = "refused attempt"


class Attempts:
    """Notes each attempt that was refused; a test notes it only after it has seen that."""

    def __init__(self, record: Callable[[str, object], None]) -> None:
        self._record = record

    def refused(self, who: str, what: str) -> None:
        self._record(_PROPERTY, f"{who:<44} {what}")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """Print the table; what a worker of xdist noted comes with its reports."""
    rows = Counter(
        value
        for report in terminalreporter.getreports("passed")
        for name, value in report.user_properties
        if name == _PROPERTY and report.when == "call"
    )
    if rows:
        terminalreporter.section(f"an adversary's {rows.total()} attempts, all refused")
        for row, times in rows.items():
            terminalreporter.write_line(f"{times:>3} x {row}")
