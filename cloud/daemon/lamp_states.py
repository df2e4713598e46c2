"""The states of watched lamps: learns what they show, and publishes their owners' requests.

A lamp that no one looks at costs nothing here: the daemon has no subscription to its state.
"""

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from cloud.daemon.mqtt_link import REQUEST
from cloud.daemon.outlet import Outlet
from cloud.daemon.state_link import StateLink
from cloud.db.database import write_transaction
from cloud.store import state_requests, state_watches
from cloud.store.state_requests import REQUEST_FOR, StateRequest
from shared.log_throttle import LogThrottle
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.messages import Publication
from shared.protocol import topics
from shared.protocol.errors import BadMessage
from shared.protocol.payloads import CLEARED, LampConfig, decode_lamp_config

log = logging.getLogger(__name__)

CLIENT_NAME = "cloud"
"""The ``client`` of the owners' requests, by which the lamps' answers are recognized."""

RECORD_SECONDS = 0.05
"""Minimum interval between writes of what lamps report: the rest of a flood is dropped."""

CLEAN_SECONDS = 1.0


class LampStates:
    """Works in each round of the leader, while it is connected. The link is opened for the first watched lamp."""

    def __init__(self, broker: BrokerUrl, levels: Sequence[int], outlet: Outlet, wake: Callable[[], object]) -> None:
        self._broker = broker
        self._levels = levels
        self._outlet = outlet
        self._wake = wake
        self._link: StateLink | None = None
        self._throttle = LogThrottle(log)
        self._tried: tuple[str, int] | None = None
        self._forgotten = 0
        self._record_at = 0.0
        self._clean_at = 0.0

    def stop(self) -> None:
        """Close the link."""
        if self._link is not None:
            self._link.stop()
            self._link = None

    def have_work(self, now: datetime) -> bool:
        """Return whether there may be a request to publish, or another lamp to watch. Polled, so it is cheap."""
        watched = state_watches.watched(now)
        if self._link is None:
            return bool(watched)
        newest = state_requests.newest_unpublished(now)
        return not self._link.follows(watched) or (newest is not None and self._tried != (newest, self._link.changes))

    def have_reports(self, monotonic: float) -> bool:
        """Return whether reports are due to be written."""
        return self._link is not None and self._link.has_reports and monotonic >= self._record_at

    @property
    def longest_pause_seconds(self) -> float:
        """How long the next round may wait at most."""
        return RECORD_SECONDS if self._link is not None and self._link.has_reports else math.inf

    def step(self, now: datetime, monotonic: float) -> None:
        """Subscribe to the watched lamps, write what they report, and publish requests."""
        if not self._outlet.is_open:
            return
        watched = state_watches.watched(now)
        if self._link is not None and self._link.ended:
            self.stop()
        if self._link is None and watched:
            self._link = StateLink(
                self._broker,
                self._levels,
                mark=f'"{CLIENT_NAME}"'.encode(),
                wake=self._wake,
                again=self._outlet.leads,
            )
            self._link.start()
            self._forgotten = -1  # an earlier leader may have missed reports
        if self._link is not None:
            self._follow(self._link, watched)
            if self.have_reports(monotonic):
                self._record_at = monotonic + RECORD_SECONDS
                self._record(self._link, now, monotonic)
            self._publish(self._link, now)
        if monotonic >= self._clean_at:
            self._clean_at = monotonic + CLEAN_SECONDS
            self._throttle.tick(monotonic)
            if state_watches.have_ended(now):
                self._write(lambda: state_watches.remove_ended(now))
            if state_requests.have_ended(now):
                self._write(lambda: state_requests.remove_ended(now))

    def _write(self, change: Callable[[], object]) -> None:
        with write_transaction(durable=False):
            if self._outlet.leads():
                change()

    def _follow(self, link: StateLink, watched: Mapping[str, str]) -> None:
        losses = link.losses
        if losses != self._forgotten:
            self._write(state_watches.forget_reports)
            self._forgotten = losses
        if not link.follows(watched):
            link.follow(watched)

    def _record(self, link: StateLink, now: datetime, monotonic: float) -> None:
        """Store what lamps report, and which requests it answers."""
        reports = link.take_reports()
        latest = {
            device_id: self._decode(device_id, report.payload, monotonic) for device_id, report in reports.items()
        }
        answers = {
            device_id: self._decode(device_id, report.answer, monotonic)
            for device_id, report in reports.items()
            if report.answer is not None
        }
        live = {device_id for device_id, report in reports.items() if not report.retained}

        def change() -> None:
            for device_id, reported in latest.items():
                if reported is not None:
                    state_watches.record(device_id, reported, now)
            requests = state_requests.requests_of(live)
            state_requests.note_answered(
                [
                    device_id
                    for device_id, request in requests.items()
                    if _is_answered(request, latest[device_id], answers.get(device_id), now)
                ]
            )

        try:
            self._write(change)
        except BaseException:
            link.put_back(reports)
            raise

    def _decode(self, device_id: str, payload: bytes, monotonic: float) -> LampConfig | None:
        """Return a report, without members that are invalid; None if all of it is, or it was cleared."""
        topic = topics.changed(topics.lamp_prefix(device_id))

        def warn(bad: BadMessage) -> None:
            self._throttle.warning(f"Ignored {bad.part} on '{topic}': {bad}", monotonic)

        try:
            return None if payload == CLEARED else decode_lamp_config(payload, warn)
        except BadMessage as bad:
            warn(bad)
            return None

    def _publish(self, link: StateLink, now: datetime) -> None:
        """Publish requests, unless the same ones were tried since the last change of subscriptions."""
        changes, newest = link.changes, state_requests.newest_unpublished(now)
        if newest is not None and self._tried != (newest, changes) and self._publish_due(link, now):
            self._tried = newest, changes

    def _publish_due(self, link: StateLink, now: datetime) -> bool:
        """Publish requests within the transaction that checks the owners; return False if the connection is gone.

        A release waits for the write lock, and its message goes over the same connection: after it, a lamp gets no
        request of its former owner. Without an expiry, which MQTT 3.1.1 doesn't have, the broker would keep a request
        for an absent lamp, so nothing is published.
        """
        if self._outlet.session is None or not self._outlet.session.of_link.reports_refusals:
            return True
        with write_transaction(durable=False):
            due = [each for each in state_requests.due(now) if link.is_ready(each.device_id)]
            if due and not self._outlet.publish([(REQUEST, _publication(each, now)) for each in due]):
                return False
            state_requests.note_published([each.device_id for each in due])
        return True


def _publication(request: StateRequest, now: datetime) -> Publication:
    topic = topics.set_config(topics.lamp_prefix(request.device_id))
    wanted = request.config
    payload = LampConfig(wanted.color, wanted.brightness, wanted.on, CLIENT_NAME).encode()
    seconds = (request.requested_at + REQUEST_FOR - now).total_seconds()
    return Publication(topic, payload, topics.SET_CONFIG.qos, topics.SET_CONFIG.retain, max(1, math.ceil(seconds)))


def _is_answered(request: StateRequest, reported: LampConfig | None, answer: LampConfig | None, now: datetime) -> bool:
    if not request.is_published or request.is_answered or not request.is_alive(now):
        return False
    by_name = answer is not None and answer.client == CLIENT_NAME
    return by_name or (reported is not None and request.is_fulfilled_by(reported))
