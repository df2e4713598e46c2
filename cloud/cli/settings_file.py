"""The settings file: which of its lines take effect, and for whom."""

import os
from collections.abc import MutableMapping
from pathlib import Path

from shared.settings import read_settings_file

ROOTS_OWN = ("LAMPI_BROKER_RELOAD", "LAMPI_CA_FOLDER", "LAMPI_MOSQUITTO_FOLDER")
"""Settings by which root's commands run a program, or write to a folder."""


def load(file: Path, environment: MutableMapping[str, str], *, as_root: bool, root: int = 0) -> list[str]:
    """Add a file's settings to the environment, which takes precedence; return warnings.

    Only `LAMPI_` names are settings: others, such as `LD_PRELOAD`, are ignored. So are `ROOTS_OWN` ``as_root`` if
    another user can change the file: that user would otherwise become root at the next `deprovision`. ``root`` is
    root's user id.

    Raises:
        BadSettings: see `read_settings_file`.
    """
    settings = read_settings_file(file)
    foreign = [name for name in settings if not name.startswith("LAMPI_")]
    warnings = [f"{file}: {name} is ignored; only names that begin with LAMPI_ are settings." for name in foreign]
    unsafe = [name for name in ROOTS_OWN if name in settings] if as_root and _others_can_change(file, root) else []
    warnings += [
        f"{file}: {name} is ignored, because users other than root can change this file. "
        f"Run: chown root:lampi {file}; chmod 640 {file}"
        for name in unsafe
    ]
    for name in settings.keys() - {*foreign, *unsafe}:
        environment.setdefault(name, settings[name])
    return warnings


def _others_can_change(file: Path, root: int) -> bool:
    """Return whether a user other than root can write to the file, or replace it."""
    places = [file.resolve(), *file.resolve().parents]
    return any(found.st_uid not in (0, root) or _is_open(found) for found in map(os.stat, places))


def _is_open(found: os.stat_result) -> bool:
    """Return whether more than the owner can write; in a folder with the sticky bit, others can't replace a file."""
    return bool(found.st_mode & 0o022) and not found.st_mode & 0o1000
