"""The panel's backlight in sysfs: dims it, and restores the level that it had when it was dimmed.

Any program may set the level at any time. A level that is not the one that was written when dimming is never changed.
"""

import logging
import os
from dataclasses import dataclass
from pathlib import Path

log = logging.getLogger(__name__)

STATE = "XDG_STATE_HOME"

_FEWEST_STEPS = 4
"""A backlight with fewer steps could only be switched off, and a screen that is off shows nothing."""

_DIMMED_SHARE = 0.12

_NOWHERE = Path("/dev/null")
"""Not a folder, so that nothing can be created in it, not even by root."""


@dataclass(frozen=True)
class _Dimmed:
    """The level before dimming, and the level that was written."""

    full: int
    dark: int


class Backlight:
    """One backlight.

    While it is dimmed, ``record`` keeps the full level, to be restored at the next start if the program is killed.

    Raises:
        OSError: a file can't be read or written.
        ValueError: a file does not contain a number.
    """

    def __init__(self, folder: Path, record: Path) -> None:
        self._brightness = folder / "brightness"
        self._record = record
        self._recordable = _is_writable(record.parent)
        self._dimmed = self._left_dimmed(_read_number(folder / "max_brightness"))

    def dim(self) -> None:
        """Dim it; idempotent."""
        level = _read_number(self._brightness)
        if self._dimmed is not None and level == self._dimmed.dark:
            return
        dimmed = _Dimmed(level, _dark(level))
        if dimmed.dark == level:
            self._dimmed = None
            return
        try:
            self._keep(dimmed)
        except OSError as fault:
            if self._recordable:
                log.warning("Backlight not dimmed, its level can't be saved: %s", fault)
                return
            log.debug("Backlight level not saved: %s", fault)
        self._brightness.write_text(str(dimmed.dark), encoding="ascii")
        self._dimmed = dimmed

    def restore(self) -> None:
        """Restore the level from before dimming, unless another program has set one since."""
        if self._dimmed is None:
            return
        if _read_number(self._brightness) == self._dimmed.dark:
            self._brightness.write_text(str(self._dimmed.full), encoding="ascii")
        self._dimmed = None
        self._forget()

    def _left_dimmed(self, most: int) -> _Dimmed | None:
        """Return what an earlier run left dimmed, or None if the current level is not from dimming."""
        level = _read_number(self._brightness)
        try:
            recorded = _parse(self._record.read_text(encoding="ascii"), most)
        except FileNotFoundError:
            lost = not self._recordable
        except (OSError, ValueError) as fault:
            log.debug("No usable backlight level saved: %s", fault)
            lost = True
        else:
            if recorded.dark == level:
                return recorded
            lost = False
        if lost and level <= _dark(most):
            # An earlier run may have dimmed it from a level that is lost: wake to full brightness.
            return _Dimmed(most, level)
        self._forget()
        return None

    def _keep(self, dimmed: _Dimmed) -> None:
        draft = self._record.with_name(f"{self._record.name}.new")
        draft.write_text(f"{dimmed.full} {dimmed.dark}\n", encoding="ascii")
        draft.replace(self._record)

    def _forget(self) -> None:
        try:
            self._record.unlink(missing_ok=True)
        except OSError as fault:
            log.debug("Saved backlight level not removed: %s", fault)


def open_backlight(backlights: Path) -> Backlight | None:
    """Return the first usable backlight of those that Linux lists in a folder, or None."""
    for folder in sorted(backlights.glob("*")):
        try:
            steps = _read_number(folder / "max_brightness")
            level = _read_number(folder / "brightness")
            with (folder / "brightness").open("r+", encoding="ascii"):
                pass
            if steps >= _FEWEST_STEPS and level > 0:
                return Backlight(folder, _record_file())
        except (OSError, ValueError) as fault:
            log.debug("Backlight %s not usable: %s", folder.name, fault)
    return None


def _record_file() -> Path:
    state = os.environ.get(STATE)
    try:
        folder = Path(state) if state else Path.home() / ".local" / "state"
    except RuntimeError:  # neither HOME nor an entry in passwd
        folder = _NOWHERE
    return folder / "lampi-ui" / "backlight"


def _is_writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as fault:
        log.debug("The backlight's level can't be saved: %s", fault)
        return False
    return os.access(folder, os.W_OK)


def _parse(record: str, most: int) -> _Dimmed:
    full, *rest = (int(word) for word in record.split())
    dark = rest[0] if rest else _dark(full)  # earlier versions saved the full level alone
    if not 0 < dark < full <= most:
        raise ValueError(record)
    return _Dimmed(full, dark)


def _dark(level: int) -> int:
    return min(level, max(1, round(level * _DIMMED_SHARE)))


def _read_number(file: Path) -> int:
    return int(file.read_text(encoding="ascii"))
