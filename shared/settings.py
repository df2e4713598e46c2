"""Reading settings: from strings, once, all faults reported together."""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

T = TypeVar("T")


class BadSettings(ValueError):
    """Settings that can't be used; ``faults`` has one line for each."""

    def __init__(self, faults: Sequence[str]) -> None:
        super().__init__("; ".join(faults))
        self.faults = tuple(faults)


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
        """Tell whether the setting is set, usable or not."""
        return name in self._values

    def refuse(self, name: str, reason: str) -> None:
        """Count a setting as faulty that can't be judged by itself, such as one that needs another beside it."""
        self._faults.append(f"{name}: {reason}")

    def finish(self) -> None:
        """Call once all is read.

        Raises:
            BadSettings: something that was read is faulty.
        """
        if self._faults:
            raise BadSettings(self._faults)
