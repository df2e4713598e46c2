"""Parses settings from strings and reports all faults together."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class BadSettings(ValueError):
    """Settings that can't be used; ``faults`` has one line for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


_LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")


def read_settings_file(file: Path) -> dict[str, str]:
    """Return the settings in a file, a line `NAME=value` each; empty lines and such that begin with # are none.

    Quotes around a value, as a shell wants them, are not part of it; nothing else means anything special.

    Raises:
        BadSettings: the file can't be read, or has lines that are not so; what stands in them is not said.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except OSError as fault:
        raise BadSettings([f"The settings in {file} can't be read: {fault.strerror}"]) from None
    except UnicodeDecodeError:
        raise BadSettings([f"The settings in {file} are not UTF-8"]) from None
    settings, faults = {}, []
    for number, line in enumerate(map(str.strip, lines), start=1):
        match = _LINE.fullmatch(line)
        if match:
            value = match[2].strip()
            settings[match[1]] = (
                value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value
            )
        elif line and not line.startswith("#"):
            faults.append(f"{file}, line {number}: not NAME=value")
    if faults:
        raise BadSettings(faults)
    return settings


class SettingsReader:
    """Reads one program's settings from names and strings, as an environment holds them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._faults: list[str] = []

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """Return the setting, parsed; the default where it is not set or, until `finish`, faulty.

        ``parse`` raises ValueError with a reason that quotes no secret.
        """
        if name not in self._values:
            return default
        try:
            return parse(self._values[name])
        except ValueError as fault:
            self.refuse(name, str(fault))
            return default

    def has(self, name: str) -> bool:
        """Return whether the setting is set, valid or not."""
        return name in self._values

    def refuse(self, name: str, reason: str) -> None:
        """Report a fault in a setting that `read` can't check alone, such as one that requires another."""
        self._faults.append(f"{name}: {reason}")

    def finish(self) -> None:
        """Report the faults of everything read so far.

        Raises:
            BadSettings: something that was read is faulty.
        """
        if self._faults:
            raise BadSettings(self._faults)
