"""Log lines about the connection: each outage once, however often the client retries."""

import logging

from cloud.mqtt.listener import Session
from shared.mqtt.broker_url import BrokerUrl

log = logging.getLogger(__name__)


class OutageLog:
    """Logs the beginning of an outage and its end."""

    def __init__(self, broker: BrokerUrl) -> None:
        self._broker = broker
        self._is_logged = False

    def begin(self, why: str) -> None:
        """Log an outage unless it has been logged; ``why`` continues "The broker at ..."."""
        if not self._is_logged:
            self._is_logged = True
            log.warning("The broker at %s %s; retrying", self._broker, why)

    def close(self) -> None:
        """Stop logging outages: a connection attempt may end long after the client was stopped."""
        self._is_logged = True

    def end(self, session: Session) -> None:
        """Log a connection."""
        self._is_logged = False
        log.info("Connected to the broker at %s", self._broker)
        if not session.reports_refusals:
            log.warning("The broker speaks MQTT 3.1.1, which can't report refusals; reading messages back instead")


class NoOutageLog(OutageLog):
    """Logs nothing, for a second connection to the same broker: the first one's log says when it is unreachable."""

    def begin(self, why: str) -> None:
        """Ignore an outage."""

    def end(self, session: Session) -> None:
        """Ignore a connection."""
