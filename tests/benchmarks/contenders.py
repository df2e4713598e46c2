"""The contenders: a baseline, paho alone and a bare socket."""

import secrets
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import closing
from statistics import median
from typing import NamedTuple

import paho.mqtt.client as paho
from paho.mqtt import publish
from paho.mqtt.enums import CallbackAPIVersion

from cloud.db.database import database_proxy
from cloud.db.timestamps import utc_now
from cloud.services.claim_terms import ClaimTerms
from cloud.services.lamps import payload_of
from cloud.store.lamps import Lampi
from shared.protocol import topics
from shared.protocol.payloads import Unassociated
from tests.benchmarks.wire import Wire, publish_packet_of_qos_2
from tests.support.waiting import DEADLINE_SECONDS

PATIENCE_SECONDS = 120.0
ALLOWED_BY_DEFAULT = 20
PUBREC, PUBREL = 0x5002, 0x6202
ACKNOWLEDGEMENT = struct.Struct("!HH")
_MOST_WAITING = 10_000
"""paho drops what it has no number for, and it has 65,535."""


class Speed(NamedTuple):
    """Lamps a second, and the processor time that each took of the one process, in microseconds."""

    rate: float
    microseconds: float


class Stopwatch:
    """Starts when it is created; ``used`` returns a process's processor time so far, in seconds."""

    def __init__(self, used: Callable[[], float] = time.process_time) -> None:
        self._used = used
        self._began, self._used_before = time.monotonic(), used()

    def speed(self, count: int) -> Speed:
        """Return the speed at which the lamps were processed so far."""
        taken, used = time.monotonic() - self._began, self._used() - self._used_before
        return Speed(count / taken, 1e6 * used / count)


def baseline(port: int, device_ids: Sequence[str]) -> Speed:
    """Return how fast new lamps are made by the baseline, on the open database.

    For each of them a look, a transaction with one insert, and a `publish.single`, which makes a connection.
    """
    watch = Stopwatch()
    for device_id in device_ids:
        if Lampi.get_or_none(Lampi.device_id == device_id) is None:
            with database_proxy.atomic():
                lampi = Lampi.create(device_id=device_id, connected=True, created_at=utc_now())
            topic = topics.associated(topics.lamp_prefix(device_id))
            publish.single(topic, payload_of(lampi, ClaimTerms()), 2, True, "127.0.0.1", port)
    return watch.speed(len(device_ids))


def paho_ceiling(port: int, device_ids: Sequence[str], most_in_flight: int) -> Speed:
    """Return how fast paho publishes new lamps' messages, pipelined and confirmed, without a database.

    ``most_in_flight`` is paho's own setting, and 0 is no limit.
    """
    messages = [
        (topics.associated(topics.lamp_prefix(device_id)), Unassociated(secrets.token_hex(16)).encode())
        for device_id in device_ids
    ]
    client = paho.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(most_in_flight)
    connected, done = threading.Event(), threading.Event()
    left = len(messages)
    room = threading.Semaphore(_MOST_WAITING)

    def count_down(*_: object) -> None:
        nonlocal left
        left -= 1
        room.release()
        if not left:
            done.set()

    client.on_connect = lambda *_: connected.set()
    client.on_publish = count_down
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert connected.wait(DEADLINE_SECONDS)
    watch = Stopwatch()
    for topic, payload in messages:
        room.acquire()
        client.publish(topic, payload, 2, True)
    assert done.wait(PATIENCE_SECONDS)
    speed = watch.speed(len(messages))
    client.disconnect()
    client.loop_stop()
    return speed


def bare_socket(port: int, device_ids: Sequence[str]) -> Speed:
    """Return how fast a plain socket publishes the same, with as many on their way as a Mosquitto allows by default.

    The packets are made beforehand, and nothing that can go wrong is thought of: what is left is the broker, the
    kernel, and the least that Python must do for each acknowledgement.
    """
    packets = deque(
        publish_packet_of_qos_2(
            topics.associated(topics.lamp_prefix(device_id)), Unassociated(secrets.token_hex(16)).encode(), number
        )
        for number, device_id in enumerate(device_ids)
    )
    left, room, rest = len(packets), ALLOWED_BY_DEFAULT, b""
    with closing(Wire(port, "bare")) as wire:
        watch = Stopwatch()
        while left:
            sending = [packets.popleft() for _ in range(min(room, len(packets)))]
            room -= len(sending)
            received = rest + wire.exchange(b"".join(sending))
            acknowledged, rest = received[: len(received) // 4 * 4], received[len(received) // 4 * 4 :]
            releases = []
            for head, identifier in ACKNOWLEDGEMENT.iter_unpack(acknowledged):
                if head == PUBREC:
                    releases.append(ACKNOWLEDGEMENT.pack(PUBREL, identifier))
                else:
                    room += 1
                    left -= 1
            wire.send(b"".join(releases))
        return watch.speed(len(device_ids))


def percentile(values: Sequence[float], percent: float) -> float:
    """Return the value below which so many percent of them lie."""
    if percent == 50:
        return median(values)
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * percent / 100), len(ordered) - 1)]
