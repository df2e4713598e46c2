"""Finds listeners in other Mosquitto configuration files, which share our access rules."""

import re
from pathlib import Path

_LISTENER = re.compile(r"^\s*(listener|port)\s+\d", re.MULTILINE)


def other_listeners(folder: Path, shipped_as: str) -> list[Path]:
    """Return the other files below Mosquitto's folder that add a listener, as relative paths.

    Unreadable files are skipped, since the result is only a hint.
    """
    files = [folder / "mosquitto.conf", *sorted((folder / "conf.d").glob("*.conf"))]
    return [path.relative_to(folder) for path in files if path.name != shipped_as and _LISTENER.search(_read(path))]


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
