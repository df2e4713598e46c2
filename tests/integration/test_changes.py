"""Changes that another process makes reach the wire: soon, in order, the latest last, and none twice."""

import signal
import statistics
import time
from contextlib import closing
from pathlib import Path

from cloud.db.timestamps import utc_now
from cloud.services import claiming
from cloud.services.lamps import register_lamps
from cloud.store import outbox
from cloud.store.lamps import Lampi
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import (
    ASSOCIATED,
    USER,
    Loop,
    associated,
    code_in,
    device_ids,
    made_cloud,
    opened_database,
    presence,
    retained_state,
    wait_for_state,
    waiting,
)
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until

LAMP = "b827ebba0387"
CHANGES = 30


def test_a_change_by_another_process_is_on_the_wire_soon(loop: Loop) -> None:
    took = seconds_to_the_wire(loop)
    # The daemon polls every 30 ms, so 15 ms are typical; 200 ms leave a margin for a busy machine.
    assert statistics.median(took) < 0.2, f"typically {statistics.median(took):.3f} s, at most {max(took):.3f} s"


def test_postgresql_wakes_the_daemon(tmp_path: Path, broker: Mosquitto, postgres: Postgres) -> None:
    cloud = made_cloud(tmp_path / "cloud", broker.port, postgres.make_database())
    with cloud.daemon() as daemon, closing(Loop(broker, cloud)) as loop:
        wait_until(lambda: "Database notifications are working" in daemon.log(), "the daemon to hear the database")
        took = seconds_to_the_wire(loop)
    # Some milliseconds are typical; a daemon that was not woken would poll every 300 ms, and take half of that.
    assert statistics.median(took) < 0.1, f"typically {statistics.median(took):.3f} s, at most {max(took):.3f} s"


def seconds_to_the_wire(loop: Loop) -> list[float]:
    loop.new_lamp(LAMP)
    took = []
    with opened_database(loop.cloud):
        ada = claiming.user_named(USER)
        for number in range(CHANGES):
            if number % 2:
                claiming.release(LAMP, utc_now())
            else:
                claiming.associate_by_device_id(LAMP, ada, utc_now())
            committed_at = time.monotonic()
            heard = loop.next(seconds=1)
            took.append(time.monotonic() - committed_at)
            assert (heard.payload == ASSOCIATED) is (number % 2 == 0)
    return took


def test_the_latest_of_many_quick_changes_is_what_stays(loop: Loop) -> None:
    loop.new_lamp(LAMP)
    with opened_database(loop.cloud):
        ada = claiming.user_named(USER)
        for _ in range(20):
            claiming.associate_by_device_id(LAMP, ada, utc_now())
            claiming.release(LAMP, utc_now())
        code = Lampi.named(LAMP).association_code
    wait_for_state(loop.broker, LAMP, waiting(code))
    last = [one for one in loop.settled() if one.topic.startswith(f"devices/{LAMP}/")][-1]
    assert code_in(last.payload) == code
    assert code_in(retained_state(loop.broker, LAMP) or b"") == code


def test_verbs_of_the_model_reach_the_wire(loop: Loop) -> None:
    code = loop.new_lamp(LAMP)
    with opened_database(loop.cloud):
        lampi = Lampi.named(LAMP)
        lampi.publish_unassociated_msg()
        assert loop.new_code(LAMP) == code
        lampi.associate_and_publish_associated_msg(claiming.user_named(USER))
    assert loop.next().payload == ASSOCIATED


def test_five_hundred_lamps_at_once_are_all_published(loop: Loop) -> None:
    loop.broker.publish_all([(presence(device_id), b"1") for device_id in device_ids(500)])
    codes: dict[str, str] = {}
    while len(codes) < 500:
        heard = loop.next()
        codes[heard.topic] = code_in(heard.payload)
    assert loop.settled() == []
    with opened_database(loop.cloud):
        ada = claiming.user_named(USER)
        # A list: a write inside an open read fails at once when the daemon has written meanwhile.
        for lampi in list(Lampi.select().where(Lampi.device_id << list(device_ids(500)))):
            assert codes[f"devices/{lampi.device_id}/lamp/associated"] == lampi.association_code
            claiming.associate_by_device_id(lampi.device_id, ada, utc_now())
    published = {loop.next().topic for _ in range(500)}
    assert published == set(codes)
    kept = loop.broker.retained("devices/+/lamp/associated")
    assert all(kept[topic].payload == ASSOCIATED for topic in codes)


def test_a_slow_broker_retains_all_that_it_confirms(loop: Loop) -> None:
    """A stock Mosquitto confirms messages that it never stores when it gets too many at once."""
    with opened_database(loop.cloud):
        loop.broker.send(signal.SIGSTOP)
        register_lamps(list(device_ids(900)), utc_now())
        changed_at = time.monotonic()
        wait_until(lambda: time.monotonic() - changed_at > 0.5, "the daemon to have sent what it dares to")
        loop.broker.send(signal.SIGCONT)
        wait_until(lambda: not outbox.newest_version(), "the outbox to be empty")
        codes = dict(Lampi.select(Lampi.device_id, Lampi.association_code).tuples())
    kept = loop.broker.retained("devices/#")
    assert {topic: code_in(one.payload) for topic, one in kept.items()} == {
        associated(device_id): code for device_id, code in codes.items()
    }


def test_no_code_is_logged_at_any_level(broker: Mosquitto, cloud: Cloud) -> None:
    cloud.environment["LAMPI_LOG_LEVEL"] = "DEBUG"
    with cloud.daemon() as daemon, closing(Loop(broker, cloud)) as loop:
        first = loop.new_lamp(LAMP)
        said = cloud.command("associate", first, "--user", USER)
        assert loop.next().payload == ASSOCIATED
        said += cloud.command("release", LAMP)
        second = loop.new_code(LAMP)
    for code in (first, second):
        assert code[:6] not in daemon.log() + said
