"""A broker that can be told to refuse what the daemon publishes for lamps or for itself."""

import signal
import time
from pathlib import Path
from typing import Self

from tests.support.bridge import CloudBroker

_READ_AND_TESTS = "topic read #\ntopic readwrite $SYS/#\ntopic readwrite tests/#\n"
_OF_LAMPS = "topic write devices/+/lamp/changed\ntopic write devices/+/lamp/connection/+/state\n"
_FOR_LAMPS = "topic write devices/#\n"
_OWN = "topic write lampi/#\n"


class ChoosyBroker(CloudBroker):
    """The cloud's Mosquitto with other rules: only clients without a username connect to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.started_at: list[float] = []
        self._rules = folder / "tests.acl"
        self._rules.write_text("topic readwrite #\ntopic readwrite $SYS/#\n")
        config, shipped = self.config_text(), f"acl_file {folder}/lampi/lampi.acl\n"
        assert config.count(shipped) == 1
        # Mosquitto's default, so that a leader that dies or is paused always has messages that it has not sent.
        window = "max_inflight_messages 1000\n"
        assert config.count(window) == 1
        config = config.replace(window, "max_inflight_messages 20\n")
        (folder / "mosquitto.conf").write_text(config.replace(shipped, f"acl_file {self._rules}\n"))

    def start(self) -> Self:
        """Start it, and record when, by the system's clock."""
        self.started_at.append(time.time())
        return super().start()

    def refuse(self, *, lamps: bool = False, own: bool = False) -> None:
        """Refuse from now on what the daemon publishes for lamps, or on topics of its own, and accept the rest."""
        rules = _READ_AND_TESTS + _OF_LAMPS + ("" if lamps else _FOR_LAMPS) + ("" if own else _OWN)
        self._rules.write_text(rules)
        self.send(signal.SIGHUP)
