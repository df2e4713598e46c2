"""Metrics: reading statistics from a large database must not keep the daemon from its work."""

import threading
from datetime import timedelta

from cloud.daemon.metrics import LOOK_SECONDS, Metrics, MetricsPort
from cloud.services.statistics import Statistics
from tests.support.ports import free_port

FIGURES = Statistics(3, 2, 1, 0, 0.0, None, 0, timedelta(minutes=15))


def test_slow_statistics_are_read_less_often() -> None:
    port = MetricsPort(Metrics(), free_port())
    port.keep_open(0.0)
    looked: list[float] = []

    def look(monotonic: float, took: float) -> None:
        def read() -> Statistics:
            looked.append(monotonic)
            threading.Event().wait(took)
            return FIGURES

        port.look(monotonic, read)

    look(0.0, took=0.0)
    look(LOOK_SECONDS - 0.1, took=0.0)
    look(LOOK_SECONDS, took=0.1)
    look(LOOK_SECONDS + 9.9, took=0.0)
    assert looked == [0.0, LOOK_SECONDS]
    look(LOOK_SECONDS + 300, took=0.0)
    assert looked[2:] == [LOOK_SECONDS + 300]
