"""Revocation with immediate effect: revocation list, access rules and open connections."""

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

from cloud.ops.provisioning import broker_files, files
from cloud.ops.provisioning.authorities import CLOUD, LAMPS, Authorities
from cloud.ops.provisioning.authority import Credentials
from cloud.ops.provisioning.errors import NotYetRevoked
from cloud.ops.provisioning.rules import RULES, write_shut_out
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Publication
from shared.protocol import payloads, topics

RELOAD = "systemctl reload mosquitto"
LAMPS_PORT = 8883
APPLY_SECONDS = 10.0
ANSWER_SECONDS = 1.0
CONNECT_SECONDS = 5.0
RETRY_SECONDS = 0.1
_REVOKED = "ALERT_CERTIFICATE_REVOKED"


@dataclass(frozen=True)
class BrokerSide:
    """How to reach the broker: its folder on this machine, the reload command, and its addresses.

    ``broker`` is the daemon's listener; ``lamps_port`` is the lamps' listener on the same host.
    """

    folder: Path
    reload_command: str
    broker: BrokerUrl
    lamps_port: int = LAMPS_PORT


def deprovision(authorities: Authorities, device_ids: Sequence[str], side: BrokerSide, now: datetime) -> None:
    """Revoke lamps; return once the broker rejects them and their connections are closed.

    Idempotent: after an error, run it again.

    Raises:
        NotProvisioned: one of the lamps has no valid certificate.
        NotYetRevoked: revocation recorded, but the broker has not applied it; the text says what to do.
        CantWrite, NoAuthority: see there.
    """
    with authorities.locked():
        canary = authorities.canary(device_ids[0], now)
        revoked = authorities.revoke(LAMPS, device_ids, now, also=[canary])
        if side.folder.is_dir():
            files.write_file(side.folder / f"{LAMPS}-revoked.pem", revoked)
        write_shut_out(authorities, side.folder, now)
    _reload(authorities, side)
    _wait_until_applied(authorities, canary, side)
    for device_id in device_ids:
        _disconnect(side.broker, device_id)


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
            timeout=APPLY_SECONDS,
        )
        fault = (done.stderr.strip() or f"exit status {done.returncode}") if done.returncode else ""
    except (OSError, ValueError, subprocess.TimeoutExpired) as failed:
        fault = str(failed) or type(failed).__name__
    if fault:
        raise _not_yet_revoked(f"{side.reload_command!r} failed ({fault.splitlines()[-1]})", authorities, side)


def _wait_until_applied(authorities: Authorities, canary: Credentials, side: BrokerSide) -> None:
    """Connect with a canary certificate from the same revocation list until the broker rejects it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cadata=authorities.certificate(CLOUD).data.decode())
    with tempfile.NamedTemporaryFile() as pair:  # mode 0600; OpenSSL needs a file name
        pair.write(canary.certificate.data + canary.key.data)
        pair.flush()
        context.load_cert_chain(pair.name)
    end = time.monotonic() + APPLY_SECONDS
    pause = threading.Event()
    while (why_not := _why_accepted(context, side)) is not None:
        if time.monotonic() > end:
            raise _not_yet_revoked(why_not, authorities, side)
        pause.wait(RETRY_SECONDS)


def _why_accepted(context: ssl.SSLContext, side: BrokerSide) -> str | None:
    """Return None if the broker rejects the certificate as revoked. If it accepts it, recv() times out."""
    try:
        with (
            socket.create_connection((side.broker.host, side.lamps_port), timeout=CONNECT_SECONDS) as connection,
            context.wrap_socket(connection, server_hostname=side.broker.host) as secured,
        ):
            secured.settimeout(ANSWER_SECONDS)
            secured.recv(1)
    except TimeoutError:
        return "it still accepts a revoked certificate"
    except OSError as fault:
        revoked = isinstance(fault, ssl.SSLError) and _REVOKED in (fault.reason or "")
        return None if revoked else f"it can't be reached ({fault})"
    return "it does not respond like an MQTT broker"


def _disconnect(broker: BrokerUrl, device_id: str) -> None:
    """Close a lamp's connection and session by taking over its client id, which is its device id."""
    events: queue.SimpleQueue[bool] = queue.SimpleQueue()
    confirmed: queue.SimpleQueue[int] = queue.SimpleQueue()
    # The lamp's will publishes this too, unless its access was denied before; a retained `1` must not remain.
    named = (topics.provisioned_presence(device_id), topics.presence(device_id))
    down, *also = (Publication(topic, payloads.DOWN, qos=1, retain=True) for topic in named)
    # Unlike `$SYS`, the broker saves this topic to disk, so nothing is left there.
    stripped = topics.stripped_presence(device_id)
    also += [
        Publication(stripped, payloads.DOWN, qos=1, retain=False),
        Publication(stripped, payloads.CLEARED, 1, True),
    ]
    link = MqttClient(broker, device_id, birth=down, on_connection=events.put, on_confirmed=confirmed.put)
    link.start()
    try:
        confirmed.get(timeout=CONNECT_SECONDS)
        for each in also:
            link.publish(each)
            confirmed.get(timeout=CONNECT_SECONDS)
    except queue.Empty:
        raise NotYetRevoked(
            f"Revoked {device_id}, but can't close its connection, if any: the broker at {broker} does "
            "not respond. Set LAMPI_BROKER_URL and its files as for the daemon and retry, or restart Mosquitto."
        ) from None
    finally:
        link.stop()


def _not_yet_revoked(what: str, authorities: Authorities, side: BrokerSide) -> NotYetRevoked:
    return NotYetRevoked(
        f"Revocation recorded; the broker has not applied it yet: {what}. On the broker's machine ({side.broker.host}:"
        f"{side.lamps_port}), copy {LAMPS}-revoked.pem and {RULES} from {authorities.folder} to "
        f"{broker_files.MOSQUITTO_FOLDER}, reload the broker ({RELOAD}), and run this again here."
    )
