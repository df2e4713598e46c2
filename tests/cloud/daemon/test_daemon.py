"""The daemon's loop, one round at a time, for errors at an exact point."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import peewee
import pytest

from cloud.daemon.daemon import Daemon
from cloud.daemon.inbox import ConnectionChanged, Presence, Subscribed
from cloud.daemon.publisher import Publisher
from cloud.daemon.session import Session
from cloud.mqtt.reasons import NOT_AUTHORIZED
from cloud.ops.health import Check, Level, Limits, check_database
from cloud.rate_limit import policy
from cloud.services.statistics import read_statistics
from cloud.settings import CloudSettings
from cloud.store import broker_faults, claim_url, webhook_queue
from cloud.store.broker_faults import Fault
from cloud.store.lamps import Lampi
from cloud.store.lease import LEASE_SECONDS
from cloud.webhook.requests import Receiver
from tests.cloud.conftest import NOW
from tests.support.broker import Mosquitto
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"


def connect(daemon: Daemon) -> Session:
    """Run rounds until the daemon is connected to the broker, and return the connection."""

    def session() -> Session | None:
        daemon._step()
        return daemon._outlet.session

    connected = wait_until(session, "the daemon to be connected to the broker")
    assert connected is not None
    return connected


@pytest.fixture
def daemon(tmp_path: Path, broker: Mosquitto) -> Daemon:
    return Daemon(CloudSettings(broker.url, f"sqlite:///{tmp_path / 'lampi.db'}"), migrate=True)


def test_what_a_connection_brings_is_numbered_after_what_was_before_it(daemon: Daemon) -> None:
    """Otherwise an older copy of the database would soon no longer look older than the broker's mark."""
    first = connect(daemon)
    daemon._inbox.put(ConnectionChanged(first.of_link))
    daemon._inbox.put(Presence(LAMP, up=True, stock=False))

    def is_registered() -> bool:
        daemon._step()
        return bool(Lampi.select().exists())

    wait_until(is_registered, "the lamp, once the broker is known to have no others")
    assert daemon._outlet.session is not first
    assert daemon._outlet.session is not None
    assert daemon._outlet.session.newest_before == 0
    assert Lampi.named(LAMP).message_version == 1
    daemon._leave()


def test_a_refused_subscription_is_a_fault_until_the_broker_grants_it(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cloud.daemon.session.FIRST_SUBSCRIBE_PAUSE_SECONDS", 2.0)
    session = connect(daemon)

    def all_is_read() -> bool:
        daemon._step()
        return session.all_is_read

    def faults() -> list[Fault]:
        daemon._step()
        return broker_faults.current()

    wait_until(all_is_read, "all retained messages")
    daemon._inbox.put(Subscribed(bytes([1, NOT_AUTHORIZED])))

    (fault,) = wait_until(faults, "the fault")
    assert "subscriptions (not authorized)" in fault.text
    wait_until(lambda: not faults(), "the broker to grant them all")
    daemon._leave()


@pytest.mark.parametrize(
    "fails",
    [(policy, "announce"), (claim_url, "announce"), (webhook_queue, "announce_receiver")],
    ids=lambda at: at[0].__name__,
)
def test_a_database_that_fails_as_it_begins_to_lead_does_not_keep_it_from_the_broker(
    daemon: Daemon, fails: tuple[Any, str]
) -> None:
    gone = peewee.OperationalError("server closed the connection")
    with patch.object(*fails, side_effect=gone), pytest.raises(peewee.OperationalError):
        daemon._step()
    connect(daemon)
    daemon._leave()


def test_a_leader_whose_rounds_fail_is_critical_though_it_renews_its_lease(tmp_path: Path, broker: Mosquitto) -> None:
    """As behind a pooler that refuses its statements: new lamps went unnoticed while `status` said OK."""
    clock = [NOW]
    settings = CloudSettings(broker.url, f"sqlite:///{tmp_path / 'lampi.db'}")
    daemon = Daemon(settings, migrate=True, now=lambda: clock[0])

    def publisher() -> Check:
        checks = check_database(read_statistics(clock[0]), Limits(30, 300, 0))
        return next(check for check in checks if check.subject == "publisher")

    def fails() -> bool:
        try:
            daemon._step()
        except peewee.OperationalError:
            return True
        return False

    connect(daemon)
    assert publisher().level is Level.OK
    with patch.object(Publisher, "pump", side_effect=peewee.OperationalError("prepared statement exists")):
        wait_until(fails, "the daemon to publish, once the broker is known to have no lamps")
        for _ in range(4):
            clock[0] += timedelta(seconds=LEASE_SECONDS)
            assert fails()
    leader = read_statistics(clock[0]).leader
    assert leader is not None
    assert leader.renewed_seconds == 0
    assert publisher().level is Level.CRITICAL
    daemon._step()
    clock[0] += timedelta(seconds=LEASE_SECONDS)
    daemon._step()
    assert publisher().level is Level.OK
    daemon._leave()


def test_a_webhook_that_fails_inside_is_a_fault_and_a_metric_until_it_works(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.background.FIRST_PAUSE_SECONDS", 0.01)
    receiver = Receiver("http://127.0.0.1:9/", b"x" * 24)
    settings = CloudSettings(broker.url, f"sqlite:///{tmp_path / 'lampi.db'}", webhook=receiver)
    daemon = Daemon(settings, migrate=True)
    connect(daemon)

    def failures() -> float | None:
        daemon._step()
        return daemon._metrics.registry.get_sample_value("lampi_background_failures", {"thread": "webhook"})

    def faults() -> list[str]:
        daemon._step()
        return [fault.text for fault in broker_faults.current()]

    assert failures() == 0
    with patch.object(webhook_queue, "next_due", side_effect=ZeroDivisionError):
        wait_until(lambda: (failures() or 0) > 1, "the metric to count failures")
        assert wait_until(faults, "the fault") == [
            "the webhook sends nothing because of an internal error; see the daemon's log"
        ]
    wait_until(lambda: failures() == 0, "the webhook to work again")
    wait_until(lambda: not faults(), "the fault to end")
    daemon._leave()
