"""Expiry checks for the certificates of the broker and the daemon."""

import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from cloud.ops.health import CONNECT_SECONDS, Check, Level
from cloud.ops.provisioning.broker_files import not_after
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.tls import BadTlsFile

WARNED_BEFORE = timedelta(days=30)

BROKER, DAEMON = "broker", "daemon"
_HOW = {
    BROKER: "renew it with `lampi-cloud ca server HOST` and reload Mosquitto: systemctl reload mosquitto",
    DAEMON: "renew it with `lampi-cloud ca daemon` and restart the daemon",
}


def read_ends(broker: BrokerUrl) -> dict[str, datetime]:
    """Return when the certificates of `BROKER` and `DAEMON` expire; those that can't be read are left out."""
    ends = {}
    if broker.tls:
        with suppress(OSError, BadTlsFile):  # an unreachable or foreign broker is reported by another check
            ends[BROKER] = _shown_by(broker)
    if broker.tls_files.certificate is not None:
        with suppress(OSError, ValueError):
            ends[DAEMON] = not_after(broker.tls_files.certificate)
    return ends


def check_renewal(ends: Mapping[str, datetime], now: datetime) -> list[Check]:
    """Check the remaining validity; without certificates there is no check."""
    if not ends:
        return []
    expiring = {whose: end for whose, end in ends.items() if end < now + WARNED_BEFORE}
    if not expiring:
        return [Check("renewal", Level.OK, f"certificates are valid until {min(ends.values()):%Y-%m-%d}")]
    level = Level.CRITICAL if min(expiring.values()) <= now else Level.WARNING
    texts = [f"the {whose}'s certificate expires on {end:%Y-%m-%d}; {_HOW[whose]}" for whose, end in expiring.items()]
    return [Check("renewal", level, "; ".join(texts))]


def _shown_by(broker: BrokerUrl) -> datetime:
    context = broker.tls_files.context()
    with (
        socket.create_connection((broker.host, broker.port), timeout=CONNECT_SECONDS) as plain,
        context.wrap_socket(plain, server_hostname=broker.host) as secured,
    ):
        shown = secured.getpeercert() or {}
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
