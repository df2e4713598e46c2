"""Broker, cloud and daemon running together, with queries for tests.

Topics and payloads are spelled out here and in the tests, instead of taken from `shared`: a slip there must show.
"""

import itertools
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.db.database import open_database
from cloud.db.schema import upgrade
from cloud.services.claiming import add_user
from tests.support.broker import Heard, Mosquitto
from tests.support.cloud import Cloud
from tests.support.waiting import DEADLINE_SECONDS, wait_until

ASSOCIATED = b'{"associated": true}'
WITHDRAWN = b'{"associated": true, "withdrawn": true}'
USER = "ada"
_UNASSOCIATED = re.compile(
    rb'\{"associated": false, "code": "([0-9a-f]{32})"(, "good_for": \d+)?(, "short_code_length": \d+)?\}'
)


def presence(device_id: str) -> str:
    """Return the topic of the bridge of a lamp that was provisioned, and so has our screen."""
    return f"$SYS/broker/connection/{device_id}/state"


def stock_presence(device_id: str) -> str:
    """Return the topic of the bridge of a lamp that may have a stock screen."""
    return f"$SYS/broker/connection/{device_id}_broker/state"


def associated(device_id: str) -> str:
    return f"devices/{device_id}/lamp/associated"


def waiting(code: str) -> bytes:
    """Return what is said of a lamp that waits under a code, where codes are good for the usual 900 seconds."""
    return f'{{"associated": false, "code": "{code}", "good_for": 900}}'.encode()


def code_in(payload: bytes) -> str:
    """Return the code in a payload that must be exactly an unassociated lamp's."""
    match = _UNASSOCIATED.fullmatch(payload)
    assert match is not None, f"not exactly an unassociated lamp's payload: {payload!r}"
    code: str = json.loads(payload)["code"]
    return code


def short_code_in(payload: bytes) -> str:
    """Return what the lamp's screen shows of the code in a payload."""
    return code_in(payload)[: json.loads(payload).get("short_code_length", 6)]


def retained_state(broker: Mosquitto, device_id: str) -> bytes | None:
    """Return what the broker retains for a lamp."""
    kept = broker.retained(associated(device_id)).get(associated(device_id))
    return None if kept is None else kept.payload


def wait_for_state(broker: Mosquitto, device_id: str, payload: bytes | None) -> None:
    wait_until(
        lambda: retained_state(broker, device_id) == payload, f"the broker to retain {payload!r} for {device_id}"
    )


def wait_for_code(broker: Mosquitto, device_id: str) -> str:
    """Return the code that the broker retains for a lamp, as soon as it retains one."""
    return code_in(wait_until(lambda: retained_state(broker, device_id) or b"", f"a code for {device_id}"))


@contextmanager
def opened_database(cloud: Cloud) -> Iterator[None]:
    """Open the cloud's database in this process: another process than the daemon's, as the command line is."""
    database = open_database(cloud.database_url)
    try:
        yield
    finally:
        database.close()


def made_cloud(folder: Path, broker_port: int, database_url: str | None = None) -> Cloud:
    """Return a cloud whose database is of this release and knows `USER`."""
    cloud = Cloud(folder, broker_port, database_url)
    database = open_database(cloud.database_url, create=True)
    upgrade(database)
    add_user(USER)
    database.close()
    return cloud


class Loop:
    """Hears every `associated` message from the moment it is made, and tells when the daemon has caught up."""

    def __init__(self, broker: Mosquitto, cloud: Cloud) -> None:
        self.broker = broker
        self.cloud = cloud
        self._markers = itertools.count(0xFFFFFF000000)
        self._ear = broker.hear("devices/+/lamp/associated")

    def up(self, device_id: str, payload: bytes = b"1", *, retain: bool = False) -> None:
        """Publish what a lamp's bridge publishes when it connects."""
        self.broker.publish(presence(device_id), payload, retain=retain)

    def next(self, seconds: float = DEADLINE_SECONDS) -> Heard:
        return self._ear.next(seconds)

    def new_code(self, device_id: str) -> str:
        """Return the code in the next message, which must be this lamp's."""
        heard = self._ear.next()
        assert heard.topic == associated(device_id)
        return code_in(heard.payload)

    def new_lamp(self, device_id: str) -> str:
        """Connect a new lamp; return its code."""
        self.up(device_id)
        return self.new_code(device_id)

    def settled(self) -> list[Heard]:
        """Return what was heard until the daemon had dealt with all that it was sent and all that was changed.

        It takes in presence in order and publishes in order, so a message for a lamp that came up last is behind all
        others; two, since the first may be registered in one batch with what came before it.
        """
        heard: list[Heard] = []
        for _ in range(2):
            marker = f"{next(self._markers):012x}"
            self.up(marker)
            while (message := self._ear.next()).topic != associated(marker):
                heard.append(message)
        return heard

    def close(self) -> None:
        self._ear.__exit__(None, None, None)


def device_ids(count: int, first: int = 0xB827EB000000) -> Iterable[str]:
    return (f"{number:012x}" for number in range(first, first + count))
