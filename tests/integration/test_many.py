"""Twenty thousand lamps that wait when the daemon starts, on a broker as the distribution configures it."""

import sqlite3
from contextlib import closing

from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import presence
from tests.support.waiting import wait_until

LAMPS = 20_000


def test_all_lamps_that_wait_are_registered(broker: Mosquitto, cloud: Cloud) -> None:
    """A subscription at QoS 1 would be handed 1,020 of them: Mosquitto's queue and what is on its way."""
    broker.publish_all(((presence(f"{number:012x}"), b"1") for number in range(LAMPS)), retain=True)
    with cloud.daemon() as daemon, closing(sqlite3.connect(cloud.folder / "lampi.db")) as database:

        def registered() -> bool:
            (count,) = database.execute("SELECT COUNT(*) FROM lampi WHERE connected").fetchone()
            return bool(count == LAMPS)

        wait_until(registered, f"{LAMPS} lamps to be registered", seconds=60)
        assert "dropped" not in daemon.log()
