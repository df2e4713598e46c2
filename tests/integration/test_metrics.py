"""Prometheus metrics: what they count, and a port that is in use."""

import contextlib
import json
import socket
import sqlite3
import urllib.request
from contextlib import closing
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import ASSOCIATED, USER, presence, wait_for_code, wait_for_state
from tests.support.ports import free_port
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"


@pytest.fixture
def port(cloud: Cloud) -> int:
    """Give the port on which the cloud's daemons serve their metrics."""
    found = free_port()
    cloud.environment["LAMPI_METRICS_PORT"] = str(found)
    return found


def scraped(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        text: str = answer.read().decode()
        return text


def metrics(port: int) -> dict[str, float]:
    """Return all samples, by their names and labels' values."""
    return {
        "/".join([sample.name, *sample.labels.values()]): sample.value
        for family in text_string_to_metric_families(scraped(port))
        for sample in family.samples
    }


def wait_for(port: int, **expected: float) -> None:
    def as_expected() -> bool:
        seen = metrics(port)
        return all(seen[f"lampi_{name}"] == value for name, value in expected.items())

    wait_until(as_expected, f"the metrics {expected}")


def test_what_happens_is_counted(port: int, broker: Mosquitto, cloud: Cloud) -> None:
    with cloud.daemon() as daemon:
        daemon.wait_to_say(f"Serving metrics on http://127.0.0.1:{port}/metrics")
        wait_for(port, broker_connected=1, leader=1, database_working=1, lamps_created_total=0)
        broker.publish(presence(LAMP), b"1")
        cloud.command("associate", wait_for_code(broker, LAMP), "--user", USER)
        wait_for_state(broker, LAMP, ASSOCIATED)
        broker.publish(presence(LAMP), b"nonsense")
        broker.publish("$SYS/broker/connection/someone/state", b"1")
        wait_for(port, lamps_created_total=1, lamps_connected=1, outbox_pending=0, registration_seconds_count=1)
        wait_until(lambda: metrics(port)["lampi_lamps/associated"] == 1, "the owner to be counted")
        seen = metrics(port)
    assert seen["lampi_messages_ignored_total/payload"] == 1
    assert seen["lampi_messages_ignored_total/other bridge"] == 1
    # The code, that it is associated, and the high-water mark at least once; the birth message is the link's own.
    assert 3 <= seen["lampi_messages_published_total"] <= seen["lampi_messages_confirmed_total"]
    assert seen["process_resident_memory_bytes"] > 0


def test_no_lamp_and_no_secret_is_in_them(port: int, broker: Mosquitto, cloud: Cloud) -> None:
    with cloud.daemon():
        broker.publish(presence(LAMP), b"1")
        code = wait_for_code(broker, LAMP)
        wait_for(port, lamps_connected=1)
        text = scraped(port)
    assert LAMP not in text
    assert code[:6] not in text
    assert USER not in text


def test_only_this_machine_may_ask(port: int, cloud: Cloud) -> None:
    with cloud.daemon() as daemon:
        # paho listens for its own connection to itself while it starts, as when the daemon looks at a new broker.
        wait_until(lambda: _listening_ports_of(daemon.pid) == {f"0100007F:{port:04X}"}, "only the metrics' port")


def test_a_port_that_is_taken_stops_nothing_and_is_had_later(port: int, broker: Mosquitto, cloud: Cloud) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", port))
        taken.listen()
        daemon = cloud.daemon().start()
        assert (
            daemon.log().count(f"Metrics unavailable: can't open port {port} of 127.0.0.1 (Address already in use)")
            == 1
        )
        broker.publish(presence(LAMP), b"1")
        wait_for_code(broker, LAMP)
    daemon.wait_to_say("Serving metrics on")
    wait_for(port, leader=1)
    assert daemon.log().count("Metrics unavailable") == 1
    assert daemon.stop() == 0


def test_it_tells_when_the_broker_and_the_database_are_away(port: int, broker: Mosquitto, cloud: Cloud) -> None:
    with cloud.daemon():
        wait_for(port, broker_connected=1, database_working=1)
        broker.stop()
        wait_for(port, broker_connected=0)
        with closing(sqlite3.connect(cloud.folder / "lampi.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")  # so that the daemon can't write
            wait_for(port, database_working=0)
        wait_for(port, database_working=1)


def test_by_default_nothing_listens(tmp_path: Path, cloud: Cloud) -> None:
    with cloud.daemon() as daemon:
        listening = _listening_ports_of(daemon.pid)
    assert listening == set()


def _listening_ports_of(pid: int) -> set[str]:
    own = set()
    for path in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            own.add(path.readlink().name)
    lines = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text().splitlines()[1:]]
    return {fields[1] for fields in lines if fields[3] == "0A" and f"socket:[{fields[9]}]" in own}


def test_the_log_in_json_names_the_lamp(broker: Mosquitto, cloud: Cloud) -> None:
    cloud.environment["LAMPI_LOG_FORMAT"] = "json"
    with cloud.daemon() as daemon:
        broker.publish(presence(LAMP), b"1")
        cloud.command("associate", wait_for_code(broker, LAMP), "--user", USER)
        daemon.wait_to_say("that it is associated")
        cloud.command("forget", LAMP)
        daemon.wait_to_say("Withdrew the retained message")
    records = [json.loads(line) for line in daemon.log().splitlines()]
    assert [record["message"] for record in records if record.get("device_id") == LAMP] == [
        f"New lamp {LAMP}",
        f"Published to lamp {LAMP} that it is associated",
        f"Withdrew the retained message of lamp {LAMP}",
    ]
