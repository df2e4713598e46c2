"""A broker whose store is rolled back receives what it lost, and hardly anything else."""

import random
import shutil
from datetime import UTC, datetime
from itertools import takewhile

from cloud.db.database import open_database
from cloud.services.claiming import associate_by_device_id, user_named
from cloud.services.lamps import register_lamps
from shared.protocol import payloads, topics
from tests.soak.facts import EVERY_ASSOCIATED, Facts, retained
from tests.soak.world import soak_folder
from tests.support.broker import Ear, Mosquitto
from tests.support.cloud import Cloud
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy
from tests.support.waiting import wait_until

LAMPS = 10_000
LOST = 50
DRAIN_SECONDS = 120.0
NO_LAMP = topics.associated(topics.lamp_prefix("ffffffffffff"))


def test_only_what_it_lost_is_replayed_to_a_rolled_back_broker() -> None:
    # The listener below gets all of it, however slowly: by default Mosquitto drops what is beyond 1,000 messages.
    port = free_port()
    config = f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n"
    with (
        soak_folder() as folder,
        Mosquitto(folder / "broker", port, config) as broker,
        TcpProxy(broker.port) as network,
    ):
        cloud = Cloud(folder, network.port)
        cloud.command("migrate")
        cloud.command("user", "add", "ada")
        database = open_database(cloud.database_url)
        facts = Facts(cloud.database_url)
        now = datetime.now(UTC)
        device_ids = [f"b827eb{number:06x}" for number in range(LAMPS)]
        register_lamps(device_ids, now)
        daemon = cloud.daemon()
        daemon.start()
        try:
            wait_until(lambda: facts.pending() == 0, "all to be said", DRAIN_SECONDS)
            wait_until(lambda: _mark_covers(broker, facts), "the mark to cover it")
            broker.save()
            saved = shutil.copy(broker.store, folder / "saved.db")
            for device_id in random.Random(1).sample(device_ids, LOST):
                associate_by_device_id(device_id, user_named("ada"), now)
            wait_until(lambda: facts.pending() == 0, "the rest to be said")
            wait_until(lambda: _mark_covers(broker, facts), "the mark to cover that, too")
            network.refuses = True
            broker.kill()
            shutil.copy(saved, broker.store)
            broker.start()
            expected = {device_id: fact.payload for device_id, fact in facts.lamps().items()}
            assert sum(payload != expected[lamp] for lamp, payload in retained(broker).items()) == LOST
            with Ear(broker.port, EVERY_ASSOCIATED) as ear:
                network.flow()
                wait_until(lambda: retained(broker) == expected, "the broker to be healed", DRAIN_SECONDS)
                wait_until(lambda: facts.pending() == 0, "the outbox to be empty")
                broker.publish(NO_LAMP, b"the end", qos=2)
                heard = takewhile(lambda one: one.topic != NO_LAMP, iter(ear.next, None))
                told = [each for each in heard if not each.retained]
            assert LOST <= len(told) <= 2 * LOST
        finally:
            daemon.stop()
            facts.close()
            database.close()


def _mark_covers(broker: Mosquitto, facts: Facts) -> bool:
    """Tell whether the broker retains a mark that covers all that was ever said."""
    heard = broker.retained(topics.HIGH_WATER_MARK).get(topics.HIGH_WATER_MARK)
    return heard is not None and payloads.decode_high_water_mark(heard.payload).version == facts.last_version()
