"""The daemon's second connection: the states of watched lamps, kept apart from presence, which a flood must not delay.

Reports are states, so of any number only the latest of each lamp is kept until the daemon takes it.
"""

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cloud.mqtt import reasons
from cloud.mqtt.client import BrokerClient
from cloud.mqtt.keepalive import KEEPALIVE_SECONDS
from cloud.mqtt.listener import Listener, Session
from cloud.mqtt.outage import NoOutageLog
from cloud.mqtt.packets import Login
from cloud.mqtt.protocol import Protocol
from cloud.mqtt.reading import Message
from shared.mqtt.broker_url import BrokerUrl
from shared.protocol import topics

CLIENT_ID = "lampi-cloud-daemon-states"
"""The same for every daemon, like that of the other connection."""

QOS = 0
"""Of the subscriptions: at QoS 1, Mosquitto queues 1,000 messages by default, and drops the latest of a flood."""

FILTERS_A_PACKET = 200
"""Far below the packet limit of the shipped broker."""


@dataclass(frozen=True)
class Report:
    """A lamp's latest report; ``answer`` is the latest that contains our client's name, which others may follow.

    A ``retained`` one tells what the lamp showed before the subscription, so it answers nothing.
    """

    payload: bytes
    retained: bool
    answer: bytes | None


class StateLink(Listener):
    """Subscriptions to watched lamps, from `start` to `stop`.

    ``wake`` is called on the connection's thread when there is something for the daemon, ``again`` before each
    reconnect. Answers are recognized by ``mark``, which is in the payload of every report that names our client.
    ``changes`` counts how often lamps became ready, or ceased to be, and ``losses`` how often reports may have been
    missed.
    """

    def __init__(
        self,
        broker: BrokerUrl,
        levels: Sequence[int],
        *,
        mark: bytes,
        wake: Callable[[], object],
        again: Callable[[], bool],
    ) -> None:
        self._mark = mark
        self._wake = wake
        self._again = again
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._asked: deque[list[str]] = deque()
        self._followed: dict[str, str] = {}
        self._ready: set[str] = set()
        self._reports: dict[str, Report] = {}
        self.changes = 0
        self.losses = 0
        self.ended = False
        self._client = BrokerClient(
            broker,
            Login(CLIENT_ID, KEEPALIVE_SECONDS, broker.username, broker.password),
            self,
            levels=levels,
            most_in_flight=1,
            outage=NoOutageLog(broker),
        )

    def start(self) -> None:
        """Connect in the background, retrying until the broker is reachable."""
        self._client.start()

    def stop(self) -> None:
        """Disconnect, within a few seconds."""
        self._client.stop()

    @property
    def has_reports(self) -> bool:
        """True if there are reports to take."""
        return bool(self._reports)

    def is_ready(self, device_id: str) -> bool:
        """Return whether the subscription to this lamp is active, so that no answer is missed."""
        return device_id in self._ready

    def follows(self, watched: Mapping[str, str]) -> bool:
        """Return whether `follow` would change nothing."""
        return self._session is None or self._followed == watched

    def follow(self, watched: Mapping[str, str]) -> None:
        """Subscribe to exactly these lamps, to one again if its watch is another than before.

        Then the broker sends again what it retains.
        """
        with self._lock:
            session = self._session
            if session is None:
                return
            come = [device_id for device_id, began in watched.items() if self._followed.get(device_id) != began]
            gone = [device_id for device_id in self._followed if device_id not in watched]
            self._followed = dict(watched)
            self._ready.difference_update(come, gone)
            for some in _portions(come):
                self._asked.append(some)
                filters = [(_topic(device_id), QOS) for device_id in some]
                self._client.hand(session, _subscription(filters))
            for some in _portions(gone):
                self._client.hand(session, _unsubscription([_topic(device_id) for device_id in some]))

    def take_reports(self) -> dict[str, Report]:
        """Return the latest report of each lamp, and forget them."""
        with self._lock:
            taken, self._reports = self._reports, {}
        return taken

    def put_back(self, reports: Mapping[str, Report]) -> None:
        """Keep reports that could not be stored, unless there are newer ones."""
        with self._lock:
            for device_id in reports.keys() & self._followed.keys():
                self._reports.setdefault(device_id, reports[device_id])

    def connected(self, session: Session) -> None:
        self._start_over(session)

    def lost(self) -> None:
        """Handle the loss of the connection."""
        self._start_over(None)

    def subscribed(self, codes: bytes) -> None:
        """Handle the answer to the oldest unanswered subscription."""
        with self._lock:
            asked = self._asked.popleft() if self._asked else []
            answered = zip(asked, codes, strict=False)
            granted = {device_id for device_id, code in answered if code < reasons.LOWEST_FAILURE}
            self._ready |= granted & self._followed.keys()
            self.changes += 1
        self._wake()

    def received(self, messages: Sequence[Message]) -> None:
        """Keep the latest report of each lamp; wake the daemon for the first one only, however many follow."""
        if not messages:
            return
        with self._lock:
            had_reports = bool(self._reports)
            for topic, payload, retained, _identifier, _times in messages:
                device_id = topics.parse_subtree(topic.decode(errors="replace"))
                if device_id is None or device_id not in self._followed:
                    continue  # it was on its way when the subscription ended
                before = self._reports.get(device_id)
                if self._mark in payload and not retained:
                    answer: bytes | None = payload
                else:
                    answer = None if before is None else before.answer
                self._reports[device_id] = Report(payload, retained, answer)
        if not had_reports:
            self._wake()

    def may_go_on(self) -> bool:
        """Return whether to reconnect; otherwise the link has ``ended``."""
        self.ended = not self._again()
        return not self.ended

    def _start_over(self, session: Session | None) -> None:
        with self._lock:
            self._session = session
            self._asked.clear()
            self._followed, self._ready, self._reports = {}, set(), {}
            self.changes += 1
            self.losses += 1
        self._wake()


def _portions(device_ids: Sequence[str]) -> list[list[str]]:
    return [list(device_ids[at : at + FILTERS_A_PACKET]) for at in range(0, len(device_ids), FILTERS_A_PACKET)]


def _subscription(filters: Sequence[tuple[str, int]]) -> Callable[[Protocol], object]:
    return lambda protocol: protocol.subscribe(filters)


def _unsubscription(filters: Sequence[str]) -> Callable[[Protocol], object]:
    return lambda protocol: protocol.unsubscribe(filters)


def _topic(device_id: str) -> str:
    return topics.changed(topics.lamp_prefix(device_id))
