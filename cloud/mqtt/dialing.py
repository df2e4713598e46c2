"""Connecting to the broker with the newest MQTT version that it supports."""

import logging
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress

from cloud.mqtt import reasons
from cloud.mqtt.packets import MQTT_5, Login
from cloud.mqtt.protocol import Protocol
from cloud.mqtt.reading import ProtocolError
from shared.mqtt.broker_settings import TLS_FILES
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.tls import BadTlsFile, explained

log = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0

_NO_ANSWER = "does not respond like an MQTT broker; for an old broker, set LAMPI_MQTT_VERSION=3.1.1"
CHUNK_BYTES = 262_144


class Unreachable(Exception):
    """No connection; the text continues "The broker at ...".

    ``reason`` is the broker's reason code if it refused the connection, else None.
    """

    def __init__(self, text: str, reason: int | None = None) -> None:
        super().__init__(text)
        self.reason = reason


def dial(broker: BrokerUrl, login: Login, levels: Sequence[int], most_in_flight: int) -> tuple[socket.socket, Protocol]:
    """Connect and sign in; return the non-blocking socket and the protocol after CONNACK.

    The next level is tried only if the broker does not support the previous one.

    Raises:
        Unreachable: the broker can't be reached or refuses the connection.
    """
    for level in levels:
        connection = _connected(broker)
        protocol = Protocol(login, level, most_in_flight)
        try:
            reason = _sign_in(connection, protocol)
        except BaseException:
            connection.close()
            raise
        if not reason:
            connection.setblocking(False)
            return connection, protocol
        connection.close()
        if reason != reasons.UNSUPPORTED_VERSION:
            break
    reason_string = protocol.connack.reason_string if protocol.connack is not None else ""
    text = reasons.name_of(reason) + (f": {reason_string!r}" if reason_string else "")
    raise Unreachable(f"refuses the connection ({text}); {reasons.advice_on_connecting(reason)}", reason)


def _connected(broker: BrokerUrl) -> socket.socket:
    try:
        connection = socket.create_connection((broker.host, broker.port), CONNECT_SECONDS)
    except (OSError, UnicodeError) as fault:
        raise Unreachable(f"can't be reached ({fault})") from None
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if broker.tls:
            return broker.tls_files.context().wrap_socket(connection, server_hostname=broker.host)
    except BadTlsFile as fault:  # it was good when the settings were read
        connection.close()
        raise Unreachable(f"can't be reached: the file of {TLS_FILES[fault.which]} {fault}") from None
    except (OSError, ValueError) as fault:
        connection.close()
        raise Unreachable(explained(fault) or f"can't be reached ({fault})") from None
    return connection


def _sign_in(connection: socket.socket, protocol: Protocol) -> int:
    """Exchange CONNECT and CONNACK; return the reason code."""
    end = time.monotonic() + CONNECT_SECONDS
    try:
        with suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):  # data received before may say why
            connection.sendall(protocol.to_send())
        while protocol.connack is None:
            connection.settimeout(max(end - time.monotonic(), 0.001))
            received = connection.recv(CHUNK_BYTES)
            if not received and protocol.level < MQTT_5:
                raise Unreachable(f"closes the connection; {reasons.advice_on(reasons.NO_ANSWER)}", reasons.NO_ANSWER)
            if not received:
                raise Unreachable(_NO_ANSWER)
            protocol.receive(received)
    except ProtocolError as fault:
        raise Unreachable(f"does not respond like an MQTT broker ({fault})") from None
    except TimeoutError:
        raise Unreachable("does not respond") from None
    except OSError as fault:
        raise Unreachable(explained(fault) or f"does not respond like an MQTT broker ({fault})") from None
    return protocol.connack.reason
