"""Bridges that are not lamps, or can't receive: each is logged once."""

import logging

from shared.protocol.errors import quoted
from shared.protocol.topics import COURSE_BRIDGES, BridgeNames

log = logging.getLogger(__name__)


class OtherBridges:
    """Bridges that are not lamps by ``names``, or can't receive: each is logged once, and messages are counted."""

    _MOST_NAMES = 1000  # bounds memory and log: a foreign client can invent any number of names

    def __init__(self, names: BridgeNames = COURSE_BRIDGES) -> None:
        self.names = names
        self.messages = 0
        self._ignored: set[str] = set()
        self._upper_case: set[str] = set()

    def add(self, topic: str) -> None:
        """Count a message from a bridge that is not a lamp."""
        self.messages += 1
        if self._is_new(topic, self._ignored):
            expected = " or ".join(f"<device id>{suffix}" for suffix in ("", *self.names.suffixes))
            log.info("Ignoring bridge %s: its name is not %s", quoted(topic), expected)

    def add_upper_case(self, topic: str) -> None:
        """Warn of a lamp whose bridge has the device id in upper case."""
        if self._is_new(topic, self._upper_case):
            log.warning(
                "Bridge %s has its device id in upper case. If its topics do as well, the lamp receives nothing: MQTT "
                "distinguishes case. Name the bridge and its topics in lower case",
                quoted(topic),
            )

    def _is_new(self, topic: str, known: set[str]) -> bool:
        if topic in known or len(known) >= self._MOST_NAMES:
            return False
        known.add(topic)
        return True

    def log_count(self) -> None:
        """Log the number of ignored messages, if any."""
        if self.messages:
            log.info("Ignored %d messages from bridges that are not lamps", self.messages)
