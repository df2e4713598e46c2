"""A paho client whose thread survives unexpected exceptions."""

import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.tls import explained, note_faults

log = logging.getLogger(__name__)


class ResilientClient(paho.Client):
    """A client that continues after any exception and calls ``on_tick`` at least once a second.

    paho catches only ``OSError``, and only around connection attempts in its own loop. An invalid host name
    (`UnicodeError`), a broken certificate store or a bug in paho would silently end its thread while ``is_connected()``
    stays true. ``on_tick`` is called while connected; ``on_fault`` gets the exception. Neither may raise.
    """

    def __init__(self, client_id: str, *, on_tick: Callable[[], None], on_fault: Callable[[Exception], None]) -> None:
        super().__init__(CallbackAPIVersion.VERSION2, client_id=client_id)
        self._on_tick = on_tick
        self._on_fault = on_fault
        self._refusal: ssl.SSLError | None = None

    def sign_in_at(self, broker: BrokerUrl) -> None:
        """Use a broker's user, password and TLS files at every connection.

        Raises:
            BadTlsFile: a file can't be used.
        """
        if broker.tls:
            context = broker.tls_files.context()
            note_faults(context, self._note_refusal)
            self.tls_set_context(context)
        if broker.username is not None:
            self.username_pw_set(broker.username, broker.password)

    def take_refusal(self) -> str | None:
        """Return the broker's last TLS error, as `explained` does, and clear it."""
        refusal, self._refusal = self._refusal, None
        return explained(refusal)

    def cut(self) -> None:
        """Break the connection at once, from any thread; paho's thread notices that and reconnects."""
        connection = self.socket()
        if isinstance(connection, socket.socket):
            with suppress(OSError):
                # Not the TLS socket's own method: after that, paho's thread would read ciphertext as plain text.
                socket.socket.shutdown(connection, socket.SHUT_RDWR)

    def _note_refusal(self, fault: ssl.SSLError) -> None:
        self._refusal = fault

    def loop_forever(self, timeout: float = 1.0, retry_first_connection: bool = False) -> MQTTErrorCode:
        """Run paho's loop until `disconnect` or `loop_stop`, restarting it after an exception."""
        while True:
            try:
                return super().loop_forever(timeout, retry_first_connection)
            except Exception as fault:
                log.debug("paho raised", exc_info=True)
                self._on_fault(fault)
                # Closing the socket makes paho's loop pause and reconnect.
                connection = self.socket()
                if connection is not None:
                    connection.close()

    def loop_misc(self) -> MQTTErrorCode:
        """Run paho's housekeeping, and tick."""
        self._on_tick()
        return super().loop_misc()
