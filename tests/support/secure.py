"""The cloud as installed: the daemon and the commands with a certificate, without exceptions for tests."""

import socket
import ssl
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.db.timestamps import utc_now
from cloud.ops.provisioning.broker_files import write_program_files
from tests.support.bridge import CloudBroker, lamp_broker
from tests.support.broker import Mosquitto
from tests.support.callers import Caller, Pair, trusting
from tests.support.cloud import Cloud
from tests.support.loop import made_cloud


class Installed:
    """The shipped broker and the commands' environment; the test listener is off."""

    def __init__(self, folder: Path, *, limits: bool = True) -> None:
        self.broker = CloudBroker(folder / "broker", tests=False, limits=limits)
        programs = folder / "programs"
        write_program_files(self.broker.authorities, "lampi-daemon", programs, utc_now())
        self.ca = programs / "ca.crt"
        self.daemon_pair = Pair(programs / "daemon.crt", programs / "daemon.key")
        self.cloud: Cloud = made_cloud(folder / "cloud", self.broker.ports.programs)
        self.cloud.environment |= {
            "LAMPI_BROKER_URL": f"mqtts://127.0.0.1:{self.broker.ports.programs}",
            "LAMPI_BROKER_CA": str(self.ca),
            "LAMPI_BROKER_CERTIFICATE": str(self.daemon_pair.certificate),
            "LAMPI_BROKER_KEY": str(self.daemon_pair.key),
            "LAMPI_CA_FOLDER": str(self.broker.authorities.folder),
            "LAMPI_MOSQUITTO_FOLDER": str(self.broker.folder / "lampi"),
        }

    def lamp_broker(self, device_id: str, folder: Path) -> Mosquitto:
        return lamp_broker(folder, device_id, self.broker)

    def lamp_pair(self, device_id: str) -> Pair:
        folder = self.broker.provision(device_id) / "etc" / "mosquitto" / "lampi"
        return Pair(folder / "lamp.crt", folder / "lamp.key")

    def lamp(self, pair: Pair, **how: object) -> Caller:
        return Caller(self.broker.ports.lamps, trusting(self.ca, pair), **how)  # type: ignore[arg-type]

    def observer(self) -> Caller:
        return Caller(self.broker.ports.programs, trusting(self.ca, self.daemon_pair))

    def deprovision(self, *device_ids: str, status: int = 0, reload: str | None = None) -> str:
        """Run the command, as an operator does on the broker's machine."""
        reload = reload or f"kill -HUP {self.broker.pid}"
        port = str(self.broker.ports.lamps)
        words = ("deprovision", *device_ids, "--lamps-port", port, "--reload", reload)
        return self.cloud.command(*words, status=status)


class RawCall:
    """A TLS connection to the lamps' listener, on which MQTT is only spoken when the test says so."""

    def __init__(self, installed: Installed, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> None:
        plain = socket.create_connection(("127.0.0.1", installed.broker.ports.lamps), timeout=10)
        self.tls = context.wrap_socket(plain, server_hostname="127.0.0.1", session=session)

    def sign_in(self, *, clean: bool = True) -> bytes:
        """Send CONNECT and return the answer, which is empty when the broker hangs up."""
        client_id = b"any"
        body = b"\0\4MQTT\4" + (b"\2" if clean else b"\0") + b"\0\x3c" + struct.pack("!H", len(client_id)) + client_id
        self.tls.sendall(b"\x10" + bytes([len(body)]) + body)
        return self.tls.recv(4)

    def publish(self, topic: str, payload: bytes) -> None:
        name = topic.encode()
        body = struct.pack("!H", len(name)) + name + payload
        self.tls.sendall(b"\x30" + bytes([len(body)]) + body)

    def hung_up(self) -> bool:
        """Tell whether the broker has closed the connection, or closes it while we listen for ten seconds."""
        try:
            return self.tls.recv(1) == b""
        except ConnectionError:
            return True
        except TimeoutError:
            return False

    def close(self) -> None:
        self.tls.close()


@contextmanager
def raw_call(installed: Installed, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> Iterator[RawCall]:
    call = RawCall(installed, context, session)
    try:
        yield call
    finally:
        call.close()
