"""Upgrade of a database from before association; its lamps' state is published."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from playhouse.migrations import Runner

from cloud.db.database import open_database
from cloud.db.schema import MIGRATIONS
from cloud.db.timestamps import utc_now
from cloud.rate_limit.live_codes import live_codes
from cloud.rate_limit.policy import CodePolicy, announced
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import ASSOCIATED, USER, Loop, associated, code_in, device_ids, opened_database
from tests.support.waiting import wait_until

LAMPS = 1000
OWNED_EVERY = 10


@pytest.fixture
def old_cloud(tmp_path: Path, broker: Mosquitto) -> Cloud:
    """Give a cloud whose database the first migration alone has made, with a thousand lamps, some of them owned."""
    cloud = Cloud(tmp_path / "old", broker.port)
    database = open_database(cloud.database_url, create=True)
    assert Runner(database, str(MIGRATIONS)).up("0001_lamps") == ["0001_lamps"]
    database.close()
    rows = [
        (device_id, f"Lamp {number}", 1 if number % OWNED_EVERY == 0 else None)
        for number, device_id in enumerate(device_ids(LAMPS))
    ]
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as connection, connection:
        connection.execute("INSERT INTO lampi_user (id, name) VALUES (1, ?)", (USER,))
        connection.executemany(
            "INSERT INTO lampi (device_id, name, user_id, created_at) VALUES (?, ?, ?, '2020-01-02 03:04:05')", rows
        )
    return cloud


def _codes(cloud: Cloud) -> dict[str, str]:
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as connection:
        return dict(connection.execute("SELECT device_id, association_code FROM lampi"))


def test_every_lamp_gets_its_own_code_and_message(old_cloud: Cloud, broker: Mosquitto) -> None:
    said = old_cloud.command("migrate")
    assert "Applied 0002_association" in said
    codes = _codes(old_cloud)
    assert set(codes) == set(device_ids(LAMPS))
    assert len(set(codes.values())) == len({code[:6] for code in codes.values()}) == LAMPS
    assert "Applied" not in old_cloud.command("migrate")
    assert _codes(old_cloud) == codes
    with old_cloud.daemon():
        wait_until(lambda: len(broker.retained("devices/#")) == LAMPS, "every lamp to be published")
    kept = broker.retained("devices/#")
    for number, device_id in enumerate(device_ids(LAMPS)):
        payload = kept[associated(device_id)].payload
        if number % OWNED_EVERY == 0:
            assert payload == f'{{"associated": true, "name": "Lamp {number}"}}'.encode()
        else:
            assert code_in(payload) == codes[device_id]


def test_names_owners_and_instants_stay(old_cloud: Cloud) -> None:
    old_cloud.command("migrate")
    lamps = old_cloud.lamps()
    for number, device_id in enumerate(device_ids(LAMPS)):
        shown = lamps[device_id]
        assert shown["name"] == f"Lamp {number}"
        assert shown["user"] == (USER if number % OWNED_EVERY == 0 else None)
        assert shown["created_at"] == "2020-01-02T03:04:05.000Z"
        assert shown["connected"] is False


def test_the_daemon_can_upgrade_it_and_the_loop_works(old_cloud: Cloud, broker: Mosquitto) -> None:
    with old_cloud.daemon(), closing(Loop(broker, old_cloud)) as loop:
        loop.settled()
        device_id = list(device_ids(2))[1]
        code = _codes(old_cloud)[device_id]
        loop.up(device_id)
        assert loop.settled() == []
        old_cloud.command("associate", code[:6], "--user", USER)
        assert (heard := loop.next()).payload == b'{"associated": true, "name": "Lamp 1"}'
        assert heard.topic == associated(device_id)


def test_an_old_database_is_refused_until_it_is_upgraded(old_cloud: Cloud) -> None:
    for words in (("lamps",), ("associate", "abcdef", "--user", USER), ("daemon",)):
        said = old_cloud.command(*words, status=1)
        assert said.splitlines()[-1] == (
            "Error: The database has not been migrated to this release; run 'lampi-cloud migrate'."
        )
        assert "Traceback" not in said


def test_the_guess_budget_begins_with_what_is_there(tmp_path: Path, broker: Mosquitto) -> None:
    """A thousand lamps of the release before, waiting under six characters; some of them owned."""
    cloud = Cloud(tmp_path / "old", broker.port)
    database = open_database(cloud.database_url, create=True)
    Runner(database, str(MIGRATIONS)).up("0003_durability")
    database.close()
    rows = [
        (device_id, 1 if number % OWNED_EVERY == 0 else None, f"{number:06x}" + "b71e09c4" * 3 + "00")
        for number, device_id in enumerate(device_ids(LAMPS))
    ]
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as connection, connection:
        connection.execute("INSERT INTO lampi_user (id, name) VALUES (1, ?)", (USER,))
        connection.execute("INSERT INTO code_ttl (seconds) VALUES (0)")
        connection.executemany(
            "INSERT INTO lampi (device_id, name, user_id, association_code, created_at, connected, code_issued_at,"
            " message_version) VALUES (?, 'Lamp', ?, ?, '2020-01-02 03:04:05', 0, '2026-01-02 03:04:05', 1)",
            rows,
        )
    cloud.command("migrate")
    assert _codes(cloud) == {device_id: code for device_id, _, code in rows}
    with opened_database(cloud):
        assert announced() == CodePolicy(ttl=None)
        assert live_codes(announced(), utc_now()) == {6: LAMPS - LAMPS // OWNED_EVERY}
    cloud.command("associate", "000001", "--user", USER)
    refusals = [cloud.command("associate", "ffffff", "--user", USER, status=1) for _ in range(10)]
    assert [refusal.startswith("Error: Too many wrong codes") for refusal in refusals] == [False] * 9 + [True]
    assert cloud.command("history").count("refused (unknown code) by ada") == 9  # 899 * 9 / 16**6: half of 0.001
    newcomer = "ffffffffffff"
    cloud.environment["LAMPI_CODE_TTL"] = "0"
    with cloud.daemon():
        broker.publish(f"$SYS/broker/connection/{newcomer}/state", b"1")
        shown = wait_until(lambda: broker.retained(associated(newcomer)), "the new lamp to be published")
    assert b'"short_code_length": 9' in shown[associated(newcomer)].payload


def test_pending_messages_of_an_earlier_release_are_published(tmp_path: Path, broker: Mosquitto) -> None:
    """The release before: its database has an outbox, with a row that the broker has not confirmed."""
    cloud = Cloud(tmp_path / "old", broker.port)
    database = open_database(cloud.database_url, create=True)
    Runner(database, str(MIGRATIONS)).up("0003_durability")
    database.close()
    device_id = next(iter(device_ids(1)))
    with closing(sqlite3.connect(cloud.folder / "lampi.db")) as connection, connection:
        connection.execute("INSERT INTO lampi_user (id, name) VALUES (1, ?)", (USER,))
        connection.execute(
            "INSERT INTO lampi (device_id, name, user_id, association_code, created_at, associated_at, connected, "
            "code_issued_at, message_version) VALUES (?, 'Kitchen', 1, ?, ?, ?, 0, ?, 1)",
            (device_id, "b71e09c4" * 4, *["2020-01-02 03:04:05"] * 3),
        )
        connection.execute("UPDATE outbox_sequence SET last_version = 1")
        connection.execute("INSERT INTO outbox_message VALUES (?, ?, 1)", (associated(device_id), ASSOCIATED.decode()))
    with cloud.daemon():
        wait_until(lambda: broker.retained("devices/#"), "the lamp to be published")
    assert broker.retained("devices/#")[associated(device_id)].payload == b'{"associated": true, "name": "Kitchen"}'
    assert (cloud.lamps()[device_id]["name"], cloud.lamps()[device_id]["user"]) == ("Kitchen", USER)
