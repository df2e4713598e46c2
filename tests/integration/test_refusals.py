"""Brokers that refuse messages: after a burst, all messages are retained, or `status` names the setting."""

import re
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.soak.facts import retained
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.loop import device_ids, made_cloud, presence
from tests.support.proxy import OldBroker
from tests.support.waiting import wait_until

LAMPS = 2000
PATIENCE_SECONDS = 90.0
"""For a burst on a busy machine, with each message confirmed before the next is sent."""

NO_WRITE = "topic write $SYS/#\ntopic read #\ntopic read $SYS/#\ntopic readwrite lampi/tests/#\n"
"""Rules by which the daemon may hear everything and say nothing."""

ALL_MAY = "topic readwrite #\ntopic readwrite $SYS/#\n"


@contextmanager
def mosquitto(folder: Path, *lines: str) -> Iterator[Mosquitto]:
    """Run a Mosquitto with further lines in its configuration."""
    plain = Mosquitto(folder)
    config = plain.config_text() + "".join(f"{line}\n" for line in lines)
    with Mosquitto(folder, plain.port, whole_config=config) as broker:
        yield broker


@contextmanager
def burst(tmp_path: Path, broker: Mosquitto, port: int | None = None) -> Iterator[tuple[Cloud, DaemonProcess]]:
    """Run a daemon, and connect many new lamps at once."""
    cloud = made_cloud(tmp_path / "cloud", port or broker.port)
    with cloud.daemon() as daemon:
        come_up(broker)
        yield cloud, daemon


def come_up(broker: Mosquitto) -> None:
    broker.publish_all((presence(device_id), b"1") for device_id in device_ids(LAMPS))


def pending(cloud: Cloud) -> int:
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as database:
        ((lamps,),) = database.execute("SELECT COUNT(*) FROM lampi").fetchall()
        ((left,),) = database.execute("SELECT COUNT(*) FROM outbox_message").fetchall()
        return int(left) if lamps == LAMPS else LAMPS


def refused(cloud: Cloud) -> int:
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as database:
        ((count,),) = database.execute("SELECT COALESCE(SUM(messages), 0) FROM broker_fault").fetchall()
        return int(count)


def assert_all_are_retained(broker: Mosquitto, cloud: Cloud) -> None:
    wait_until(lambda: pending(cloud) == 0, "the outbox to be empty", seconds=PATIENCE_SECONDS)
    assert retained(broker).keys() == set(device_ids(LAMPS))


def critical(cloud: Cloud) -> str:
    """Return the line in which a status says how all is, which must be critical."""
    said = cloud.command("status", status=2).splitlines()
    return next(line for line in said if line.startswith("LAMPI CRITICAL"))


@pytest.mark.parametrize(
    "line",
    [
        *(f"max_inflight_messages {count}" for count in (1, 5, 20, 0)),
        "max_inflight_bytes 1000",
        "max_qos 1",
        "max_queued_messages 10",
    ],
)
def test_all_of_a_burst_is_retained(tmp_path: Path, line: str) -> None:
    with mosquitto(tmp_path / "broker", line) as broker, burst(tmp_path, broker) as (cloud, daemon):
        assert_all_are_retained(broker, cloud)
        assert "refuses" not in daemon.log()
        assert refused(cloud) == 0


@pytest.mark.parametrize(
    ("line", "setting", "mended"),
    [
        ("acl_file {folder}/acl", "acl_file", None),
        ("message_size_limit 50", "message_size_limit", "message_size_limit 0"),
    ],
)
def test_a_refusal_is_named_and_what_was_refused_is_retained_once_it_is_mended(
    tmp_path: Path, line: str, setting: str, mended: str | None
) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "acl").write_text(NO_WRITE)
    with mosquitto(folder, line.format(folder=folder)) as broker, burst(tmp_path, broker) as (cloud, daemon):
        wait_until(lambda: refused(cloud) >= LAMPS, "all to be refused", seconds=PATIENCE_SECONDS)
        assert re.search(r"the broker refuses 200\d messages", critical(cloud))
        assert setting in critical(cloud)
        assert pending(cloud) == LAMPS
        assert daemon.log().count("The broker refuses messages") == 1
        assert broker.retained("devices/#") == {}
        if mended is None:
            (folder / "acl").write_text(ALL_MAY)
            broker.send(signal.SIGHUP)
        else:
            broker.stop()
            Mosquitto(folder, broker.port, whole_config=broker.config_text().replace(line, mended))
            broker.start()
        assert_all_are_retained(broker, cloud)
        wait_until(lambda: refused(cloud) == 0, "the fault to be gone")
        daemon.wait_to_say("The broker accepts all messages again")
        assert "refuses" not in cloud.command("status")


@pytest.mark.parametrize(
    ("line", "setting"),
    [
        ("retain_available false", "retain_available"),
        ("max_qos 0", "max_qos"),
        ("max_packet_size 90", "max_packet_size"),  # less than what is asked of it first
    ],
)
def test_a_broker_that_can_t_do_what_is_needed_is_named(tmp_path: Path, line: str, setting: str) -> None:
    with mosquitto(tmp_path / "broker", line) as broker:
        cloud = made_cloud(tmp_path / "cloud", broker.port)
        daemon = cloud.daemon().start(until="; retrying")
        with closing(_Stopping(daemon)):
            wait_until(lambda: "refuses the daemon" in critical(cloud), "the status to say so", PATIENCE_SECONDS)
            assert setting in critical(cloud)
            assert daemon.log().count("; retrying") == 1
            assert setting in daemon.log()


def test_over_mqtt_3_1_1_a_broker_that_knows_only_qos_1_gets_that(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "broker", "max_qos 1") as broker,
        OldBroker(broker.port) as old,
        burst(tmp_path, broker, old.port) as (cloud, daemon),
    ):
        daemon.wait_to_say("using QoS 1; set max_qos 2")
        wait_until(lambda: daemon.log().count("Connected") >= 3, "the connection of QoS 1")
        come_up(broker)  # what came while there was no connection is lost, since nothing here retains it
        assert_all_are_retained(broker, cloud)
        assert daemon.log().count("using QoS 1") == 1


def test_over_mqtt_3_1_1_a_broker_that_closes_connections_is_named(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker", "retain_available false") as broker, OldBroker(broker.port) as old:
        cloud = made_cloud(tmp_path / "cloud", old.port)
        daemon = cloud.daemon().start(until="; retrying")
        with closing(_Stopping(daemon)):
            wait_until(lambda: "refuses the daemon" in critical(cloud), "the status to say so", PATIENCE_SECONDS)
            assert "retain_available" in critical(cloud)
            assert daemon.log().count("; retrying") == 1
            assert "retain_available" in daemon.log()


def has_fault(cloud: Cloud) -> bool:
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as database:
        return bool(database.execute("SELECT 1 FROM broker_fault").fetchall())


def test_two_clouds_on_one_broker_are_named(tmp_path: Path, broker: Mosquitto) -> None:
    clouds = [made_cloud(tmp_path / name, broker.port) for name in ("one", "other")]
    with clouds[0].daemon(), clouds[1].daemon():
        for cloud in clouds:
            # An empty one also reports that the broker has another one's mark.
            wait_until(partial(has_fault, cloud), "the first fault", seconds=PATIENCE_SECONDS)
            wait_until(partial(names_the_other, cloud), "the other to be named", seconds=PATIENCE_SECONDS)


def names_the_other(cloud: Cloud) -> bool:
    return "only one cloud per broker" in critical(cloud)


@pytest.mark.parametrize("line", ["max_inflight_messages 5", "max_inflight_messages 20", "max_inflight_bytes 1000"])
def test_over_mqtt_3_1_1_losses_are_noticed_and_made_up_for(tmp_path: Path, line: str) -> None:
    with (
        mosquitto(tmp_path / "broker", line) as broker,
        OldBroker(broker.port) as old,
        burst(tmp_path, broker, old.port) as (cloud, daemon),
    ):
        assert_all_are_retained(broker, cloud)
        assert old.rejections == 1
        assert "speaks MQTT 3.1.1" in daemon.log()
        assert ("lost messages" in daemon.log()) == (line != "max_inflight_messages 20")
        assert refused(cloud) == 0


@pytest.mark.parametrize("line", ["max_inflight_messages 1", "max_inflight_messages 0"])
def test_over_mqtt_3_1_1_all_of_a_burst_is_retained(tmp_path: Path, line: str) -> None:
    with (
        mosquitto(tmp_path / "broker", line) as broker,
        OldBroker(broker.port) as old,
        burst(tmp_path, broker, old.port) as (cloud, daemon),
    ):
        assert_all_are_retained(broker, cloud)
        assert "speaks MQTT 3.1.1" in daemon.log()
        assert refused(cloud) == 0


@pytest.mark.parametrize(("rules", "line"), [(NO_WRITE, "acl_file {folder}/acl"), ("", "message_size_limit 50")])
def test_over_mqtt_3_1_1_a_refusal_is_found_by_reading_back(tmp_path: Path, rules: str, line: str) -> None:
    folder = tmp_path / "broker"
    folder.mkdir()
    (folder / "acl").write_text(rules)
    with (
        mosquitto(folder, line.format(folder=folder)) as broker,
        OldBroker(broker.port) as old,
        burst(tmp_path, broker, old.port) as (cloud, _daemon),
    ):
        wait_until(lambda: refused(cloud) > 0, "the loss to be noticed", seconds=PATIENCE_SECONDS)
        said = critical(cloud)
        assert "confirmed but not retained" in said
        assert "acl_file" in said
        assert "message_size_limit" in said
        assert pending(cloud) == LAMPS


def test_the_version_can_be_set(tmp_path: Path, broker: Mosquitto) -> None:
    cloud = made_cloud(tmp_path / "cloud", broker.port)
    cloud.environment["LAMPI_MQTT_VERSION"] = "3.1.1"
    with cloud.daemon() as daemon:
        assert "speaks MQTT 3.1.1" in daemon.log()
    with OldBroker(broker.port) as old:
        cloud = made_cloud(tmp_path / "other", old.port)
        cloud.environment["LAMPI_MQTT_VERSION"] = "5"
        daemon = cloud.daemon("strict").start(until="refuses the connection")
        with closing(_Stopping(daemon)):
            assert "LAMPI_MQTT_VERSION" in daemon.log()


class _Stopping:
    """Ends a daemon that does not come to the point at which `DaemonProcess` is entered."""

    def __init__(self, daemon: DaemonProcess) -> None:
        self.close: Callable[[], object] = daemon.kill
