"""Upkeep: what a leading, connected daemon does in each round beside registering and publishing."""

import time
from collections.abc import Callable
from datetime import datetime

from cloud.daemon.code_rotation import CodeRotation
from cloud.daemon.maintenance import Maintenance
from cloud.daemon.metrics import Metrics
from cloud.daemon.mqtt_link import LEFTOVER
from cloud.daemon.outlet import Outlet
from cloud.daemon.session import Session
from cloud.daemon.wal_checkpoints import WalCheckpoints
from cloud.reconciliation.leftovers import LeftoverSweep
from cloud.settings import CloudSettings


class Upkeep:
    """Clears leftovers, rotates codes, checkpoints SQLite's log, and does the periodic maintenance."""

    def __init__(
        self, settings: CloudSettings, outlet: Outlet, metrics: Metrics, *, now: Callable[[], datetime]
    ) -> None:
        self._outlet = outlet
        self._metrics = metrics
        self._now = now
        self._leftovers = LeftoverSweep(settings.broker, settings.presence_filters, settings.bridge_names)
        self._rotation = CodeRotation(settings.codes.ttl)
        self._wal_checkpoints = WalCheckpoints(settings.database_url)
        self._maintenance = Maintenance(settings.codes.stock_screens)

    def start_over(self) -> None:
        """Begin as leader: another daemon may have led meanwhile."""
        self._maintenance.stock_treatment.start_over()

    def step(self, session: Session, *, crowded: bool) -> None:
        """Do up to one batch of each kind of work; call it before publishing, so that no expired state is published."""
        if leftovers := self._leftovers.step(self._now(), time.monotonic()):
            self._outlet.publish([(LEFTOVER, each) for each in leftovers])
        self._metrics.rotated.inc(self._rotation.step(self._now(), time.monotonic()))
        self._wal_checkpoints.step(time.monotonic(), crowded=crowded)
        followed_since = None if crowded else session.followed_since  # else news may wait in the inbox
        self._maintenance.step(self._now(), time.monotonic(), followed_since, self._outlet.leads)
