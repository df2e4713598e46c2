"""Twenty thousand lamps at once, on a broker as the distribution configures it."""

import sqlite3
from contextlib import closing

from cloud.daemon.inbox import Inbox
from cloud.daemon.presence import PresenceBatch
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import presence
from tests.support.waiting import wait_until

LAMPS = 20_000


def test_all_lamps_that_wait_are_registered(broker: Mosquitto, cloud: Cloud) -> None:
    """A subscription at QoS 1 would be handed 1,020 of them: Mosquitto's queue and what is on its way."""
    _appear(broker, LAMPS)
    with cloud.daemon() as daemon:
        _wait_until_registered(cloud, LAMPS)
        assert "dropped" not in daemon.log()


def test_all_that_come_while_the_database_is_locked_are_registered(broker: Mosquitto, cloud: Cloud) -> None:
    """More of them than the daemon keeps meanwhile: the rest waits in the network, and nothing is stuck afterwards."""
    lamps = PresenceBatch.MOST_LAMPS + Inbox.MOST_WAITING + 5000
    with cloud.daemon() as daemon:
        with closing(sqlite3.connect(cloud.folder / "lampi.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            _appear(broker, 1)
            wait_until(lambda: "Database error" in daemon.log(), "the daemon to find the database locked")
            _appear(broker, lamps)
            other.execute("ROLLBACK")
        _wait_until_registered(cloud, lamps)


def _appear(broker: Mosquitto, lamps: int) -> None:
    broker.publish_all(((presence(f"{number:012x}"), b"1") for number in range(lamps)), retain=True)


def _wait_until_registered(cloud: Cloud, lamps: int) -> None:
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as database:

        def registered() -> bool:
            (count,) = database.execute("SELECT COUNT(*) FROM lampi WHERE connected").fetchone()
            return bool(count == lamps)

        wait_until(registered, f"{lamps} lamps to be registered", seconds=60)
