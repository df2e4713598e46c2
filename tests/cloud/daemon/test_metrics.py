"""Metrics: reading statistics from a large database must not keep the daemon from its work."""

import math
import threading
from dataclasses import replace
from datetime import timedelta

from cloud.daemon.metrics import LOOK_SECONDS, Metrics, MetricsPort
from cloud.services.statistics import Statistics
from cloud.store.broker_faults import Fault
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


def test_what_the_broker_dropped_is_unknown_until_it_says_so() -> None:
    """A 0 after a restart of the daemon would look as if the broker dropped all of them now."""
    assert math.isnan(Metrics().registry.get_sample_value("lampi_broker_dropped_messages") or 0.0)


def test_rounds_and_the_failures_of_threads_are_counted() -> None:
    metrics = Metrics()
    metrics.end_round({"webhook": 3})
    assert metrics.registry.get_sample_value("lampi_background_failures", {"thread": "webhook"}) == 3
    metrics.end_round({"webhook": 0})
    assert metrics.registry.get_sample_value("lampi_background_failures", {"thread": "webhook"}) == 0
    assert metrics.registry.get_sample_value("lampi_rounds_total") == 2


def test_faults_and_wrong_codes_are_shown() -> None:
    metrics = Metrics()
    metrics.take(replace(FIGURES, faults=(Fault(0x87, 1),), wrong_codes=4, guess_budget_used=0.25))
    seen = {name: metrics.registry.get_sample_value(f"lampi_{name}") for name in ("faults", "wrong_codes")}
    assert seen == {"faults": 1, "wrong_codes": 4}
    assert metrics.registry.get_sample_value("lampi_guess_budget_used_ratio") == 0.25
