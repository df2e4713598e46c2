"""A broker that can be told to refuse what the daemon publishes for lamps."""

import signal
from pathlib import Path

from tests.support.bridge import CloudBroker

_LAMPS_AND_TESTS = (
    "topic read #\ntopic readwrite $SYS/#\ntopic readwrite lampi/#\ntopic readwrite tests/#\n"
    "topic readwrite devices/+/lamp/changed\ntopic readwrite devices/+/lamp/connection/+/state\n"
)


class ChoosyBroker(CloudBroker):
    """The cloud's Mosquitto with other rules: only clients without a username connect to it."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._rules = folder / "tests.acl"
        self._rules.write_text("topic readwrite #\ntopic readwrite $SYS/#\n")
        config, shipped = self.config_text(), f"acl_file {folder}/lampi/lampi.acl\n"
        assert config.count(shipped) == 1
        (folder / "mosquitto.conf").write_text(config.replace(shipped, f"acl_file {self._rules}\n"))

    def refuse_lamps(self, refuse: bool) -> None:
        """Refuse from now on what is published for lamps, or take it."""
        self._rules.write_text(_LAMPS_AND_TESTS + ("" if refuse else "topic write #\n"))
        self.send(signal.SIGHUP)
