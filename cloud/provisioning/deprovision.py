"""Taking back, with effect at once: on the list, in the rules, and on the connection that is up."""

import queue
import shlex
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloud.provisioning import broker_files, files
from cloud.provisioning.authorities import CLOUD, LAMPS, Authorities
from cloud.provisioning.authority import Credentials
from cloud.provisioning.errors import StillLetIn
from cloud.provisioning.rules import RULES, write_shut_out
from shared import payloads, topics
from shared.broker_url import BrokerUrl
from shared.messages import Publication
from shared.mqtt import BrokerLink

RELOAD = "systemctl reload mosquitto"
LAMPS_PORT = 8883
HEED_SECONDS = 10.0
ANSWER_SECONDS = 1.0
CONNECT_SECONDS = 5.0
LOOK_AGAIN_SECONDS = 0.1
_REVOKED = "ALERT_CERTIFICATE_REVOKED"


@dataclass(frozen=True)
class BrokerSide:
    """The broker as an operator has it: its folder here, how to have it read that anew, and how to reach it.

    ``broker`` is where the daemon connects; on the same host, lamps come in at ``lamps_port``.
    """

    folder: Path
    reload_command: str
    broker: BrokerUrl
    lamps_port: int = LAMPS_PORT


def deprovision(authorities: Authorities, device_ids: Sequence[str], side: BrokerSide, now: datetime) -> None:
    """Take back all that lamps have, and return when the broker has shut them out and cut their connections.

    A second time does no harm: it begins again where something was in the way.

    Raises:
        NotProvisioned: one of the lamps has nothing that is still good.
        StillLetIn: all is written down, but the broker does not heed it; the text says what to do.
        CantWrite, NoAuthority: as they say.
    """
    with authorities.locked():
        twin = authorities.twin(device_ids[0], now)
        revoked = authorities.revoke(LAMPS, device_ids, now, also=[twin])
        if side.folder.is_dir():
            files.write_file(side.folder / f"{LAMPS}-revoked.pem", revoked)
        write_shut_out(authorities, side.folder, now)
    _reload(authorities, side)
    _wait_until_heeded(authorities, twin, side)
    for device_id in device_ids:
        _cut(side.broker, device_id)


def _reload(authorities: Authorities, side: BrokerSide) -> None:
    if not side.folder.is_dir():
        return
    try:
        done = subprocess.run(
            shlex.split(side.reload_command),
            capture_output=True,
            text=True,
            errors="backslashreplace",
            check=False,
            timeout=HEED_SECONDS,
        )
        fault = done.stderr.strip() if done.returncode else ""
    except (OSError, ValueError, subprocess.TimeoutExpired) as failed:
        fault = str(failed)
    if fault:
        raise _still_let_in(f"{side.reload_command!r} fails ({fault.splitlines()[-1]})", authorities, side)


def _wait_until_heeded(authorities: Authorities, twin: Credentials, side: BrokerSide) -> None:
    """Come in as the lamp's twin, which is on the same list, until the broker refuses it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authorities.certificate(CLOUD).data.decode())
    with tempfile.NamedTemporaryFile() as pair:  # which only we can read; OpenSSL takes a file's name, no bytes
        pair.write(twin.certificate.data + twin.key.data)
        pair.flush()
        context.load_cert_chain(pair.name)
    end = time.monotonic() + HEED_SECONDS
    pause = threading.Event()
    while (why_not := _why_let_in(context, side)) is not None:
        if time.monotonic() > end:
            raise _still_let_in(why_not, authorities, side)
        pause.wait(LOOK_AGAIN_SECONDS)


def _why_let_in(context: ssl.SSLContext, side: BrokerSide) -> str | None:
    """Return None if the broker refuses a certificate as revoked; one that it lets in, it waits to hear more from."""
    try:
        with (
            socket.create_connection((side.broker.host, side.lamps_port), timeout=CONNECT_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=side.broker.host) as secured,
        ):
            secured.settimeout(ANSWER_SECONDS)
            secured.recv(1)
    except TimeoutError:
        return "it lets in who is on the list"
    except OSError as fault:
        revoked = isinstance(fault, ssl.SSLError) and _REVOKED in (fault.reason or "")
        return None if revoked else f"it can't be asked ({fault})"
    return "it does not answer as a broker does"


def _cut(broker: BrokerUrl, device_id: str) -> None:
    """End a lamp's connection and its session by taking its client id, which the broker gave it by its certificate."""
    events: queue.SimpleQueue[bool] = queue.SimpleQueue()
    told: queue.SimpleQueue[int] = queue.SimpleQueue()
    # The lamp's own will says so, too, unless it was shut out already; and an earlier `1` must not stay.
    named = (topics.provisioned_presence(device_id), topics.presence(device_id))
    down, also = (Publication(topic, payloads.DOWN, qos=1, retain=True) for topic in named)
    link = BrokerLink(broker, device_id, birth=down, on_connection=events.put, on_confirmed=told.put)
    link.start()
    try:
        told.get(timeout=CONNECT_SECONDS)
        link.publish(also)
        told.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise StillLetIn(
            f"{device_id} is shut out, but a connection that it may have could not be cut: the broker at {broker} does "
            "not answer. Set LAMPI_BROKER_URL and its files as for the daemon and do this again, or restart Mosquitto."
        ) from None
    finally:
        link.stop()


def _still_let_in(what: str, authorities: Authorities, side: BrokerSide) -> StillLetIn:
    return StillLetIn(
        f"It is written down, but the broker does not heed it yet: {what}. Where the broker at {side.broker.host}:"
        f"{side.lamps_port} runs, put {LAMPS}-revoked.pem and {RULES} from {authorities.folder} into "
        f"{broker_files.MOSQUITTO_FOLDER}, have it reload them ({RELOAD}), and do this again here."
    )
