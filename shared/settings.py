"""Parses settings from strings and reports all faults together."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")


class BadSettings(ValueError):
    """Settings that can't be used; ``faults`` has one line for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


_LINE = re.compile(r"([A-Z][A-Z0-9_]*)=(.*)")
_QUOTED = re.compile(r"\".*\"|'.*'")
_WHOLLY_QUOTED = re.compile(r"^\s*(?:\"[^\"]*\"|'[^']*')\s*$")
_COMMENT = re.compile(r"(?:^|\s)#")


def read_settings_file(file: Path) -> dict[str, str]:
    """Return the settings in a file of lines `NAME=value`; empty lines and lines that begin with # are skipped.

    Quotes around a value are removed, as a shell does. A comment after a value is an error: systemd would read it as
    part of the value, a shell would not.

    Raises:
        BadSettings: the file can't be read, or has malformed lines; the text never contains a value.
    """
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as fault:
        raise BadSettings([f"Can't read the settings in {file}: {fault.strerror}"]) from None
    except UnicodeDecodeError:
        raise BadSettings([f"The settings in {file} are not UTF-8"]) from None
    settings, faults = {}, []
    for number, line in enumerate(map(str.strip, lines), start=1):
        match = _LINE.fullmatch(line)
        if match and _COMMENT.search(_WHOLLY_QUOTED.sub("", match[2])):
            faults.append(f"{file}, line {number}: a comment after the value; put it on a line of its own")
        elif match:
            value = match[2].strip()
            settings[match[1]] = value[1:-1] if _QUOTED.fullmatch(value) else value
        elif line and not line.startswith("#"):
            faults.append(f"{file}, line {number}: not NAME=value")
    if faults:
        raise BadSettings(faults)
    return settings


def misspelt(names: Iterable[str], known: Collection[str]) -> list[str]:
    """Return a warning for each name that looks like a misspelt one of the known settings."""
    warnings = []
    for name in sorted(set(names) - set(known)):
        close = get_close_matches(name, known, n=1, cutoff=0.85)
        if name.startswith("LAMPI_") and close:
            warnings.append(f"{name} is not a setting; did you mean {close[0]}?")
    return warnings


class SettingsReader:
    """Reads one program's settings from names and strings, as an environment holds them."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._faults: list[str] = []

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        """Return the parsed setting, or the default if it is not set or invalid; `finish` reports invalid ones.

        ``parse`` raises ValueError with a reason that does not quote secrets.
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
        """Record an error that `read` can't detect, such as a missing setting that another one requires."""
        self._faults.append(f"{name}: {reason}")

    def finish(self) -> None:
        """Report all errors found so far.

        Raises:
            BadSettings: a setting is invalid.
        """
        if self._faults:
            raise BadSettings(self._faults)
