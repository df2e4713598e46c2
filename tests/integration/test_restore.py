"""A restored database and a broker with newer messages: the broker is made to agree with the database."""

import json
import shutil
from contextlib import closing
from pathlib import Path

import pytest

from cloud.db.database import open_database
from cloud.db.schema import upgrade
from cloud.services.claiming import add_user
from cloud.store import outbox
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import (
    ASSOCIATED,
    USER,
    WITHDRAWN,
    Loop,
    code_in,
    opened_database,
    presence,
    retained_state,
    wait_for_code,
    wait_for_state,
)
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until

OWNED, WAITING, FORGOTTEN, NEW, GHOST, OWNED_GHOST, LATE = (f"b827ebba038{number}" for number in range(7))


@pytest.fixture(params=["sqlite", "postgresql"])
def clouds(request: pytest.FixtureRequest, tmp_path: Path, broker: Mosquitto) -> tuple[Cloud, Cloud]:
    """Give the cloud, and the one that it is restored as: SQLite is restored in its place."""
    if request.param == "sqlite":
        first = second = Cloud(tmp_path / "cloud", broker.port)
    else:
        postgres: Postgres = request.getfixturevalue("postgres")
        first, second = (Cloud(tmp_path / name, broker.port, postgres.make_database()) for name in ("cloud", "again"))
    database = open_database(first.database_url, create=True)
    upgrade(database)
    add_user(USER)
    database.close()
    return first, second


def wait_until_agreed(cloud: Cloud) -> None:
    """Wait until the daemon has published everything, and the broker's retained messages match the database."""
    with opened_database(cloud):
        wait_until(lambda: not outbox.broker_is_suspect(), "the database to trust the broker again")
        wait_until(lambda: not outbox.newest_version(), "the outbox to be empty")
    said = json.loads(cloud.command("reconcile", "--dry-run", "--json"))
    assert said == {"missing": [], "stale": [], "ghost": [], "leftover": []}


def test_broker_and_restored_database_agree(clouds: tuple[Cloud, Cloud], tmp_path: Path, broker: Mosquitto) -> None:
    first, second = clouds
    backup = str(tmp_path / "backup")
    with first.daemon(), closing(Loop(broker, first)) as loop:
        code, _ = loop.new_lamp(WAITING), loop.new_lamp(FORGOTTEN)
        first.command("associate", loop.new_lamp(OWNED), "--user", USER)
        wait_for_state(broker, OWNED, ASSOCIATED)
        first.command("backup", backup)
        # What the backup knows nothing of:
        first.command("release", OWNED)
        first.command("associate", code, "--user", USER)
        first.command("forget", FORGOTTEN)
        broker.publish(presence(NEW), b"1", retain=True)  # still there when the daemon is back
        new_code = wait_for_code(broker, NEW)
        for lamp in (GHOST, OWNED_GHOST):
            loop.up(lamp)
            wait_for_code(broker, lamp)
        first.command("associate", "--device-id", OWNED_GHOST, "--user", USER)
        wait_for_state(broker, OWNED_GHOST, ASSOCIATED)
        wait_for_state(broker, FORGOTTEN, WITHDRAWN)
    said = second.command("restore", backup)
    assert "made after the backup are lost" in said
    with second.daemon("again") as daemon, closing(Loop(broker, second)) as loop:
        wait_until_agreed(second)
        assert "older than the broker's retained messages" in daemon.log()
        assert retained_state(broker, OWNED) == ASSOCIATED  # the release is lost
        assert code_in(retained_state(broker, WAITING) or b"") == code  # and so is this association
        assert code_in(retained_state(broker, FORGOTTEN) or b"")  # it is back
        assert wait_for_code(broker, NEW) != new_code  # registered again
        assert retained_state(broker, GHOST) == retained_state(broker, OWNED_GHOST) == WITHDRAWN
        broker.publish(presence(GHOST), b"1")  # and when it comes back it is a new lamp
        wait_until(lambda: b"code" in (retained_state(broker, GHOST) or b""), "a code for the lamp that is back")
        second.command("associate", code, "--user", USER)
        wait_for_state(broker, WAITING, ASSOCIATED)
        wait_until_agreed(second)
    with second.daemon("later") as daemon:  # it happens once
        daemon.wait_to_say("Connected")
        wait_until_agreed(second)
        assert "older than the broker's retained messages" not in daemon.log()


def test_a_daemon_killed_while_it_catches_up_does_so_at_the_next_start(
    tmp_path: Path, broker: Mosquitto, cloud: Cloud
) -> None:
    with cloud.daemon(), closing(Loop(broker, cloud)) as loop:
        code = loop.new_lamp(WAITING)
        cloud.command("backup", str(tmp_path / "backup"))
        loop.new_lamp(GHOST)
        cloud.command("associate", code, "--user", USER)
        wait_for_state(broker, WAITING, ASSOCIATED)
    cloud.command("restore", str(tmp_path / "backup"))
    killed = cloud.daemon("killed").start(until="older than the broker's retained messages")
    killed.kill()
    with cloud.daemon("next") as daemon:
        wait_until_agreed(cloud)
        assert retained_state(broker, GHOST) == WITHDRAWN
        assert code_in(retained_state(broker, WAITING) or b"") == code
        assert "Traceback" not in daemon.log()


def test_a_database_copied_by_hand_is_noticed_by_the_broker_s_mark(
    tmp_path: Path, broker: Mosquitto, cloud: Cloud
) -> None:
    """A snapshot of the whole disk that was rolled back, which `lampi-cloud restore` has not seen."""
    file = cloud.folder / "lampi.db"
    with cloud.daemon(), closing(Loop(broker, cloud)) as loop:
        loop.new_lamp(WAITING)
    copied = file.read_bytes()
    with cloud.daemon("then"), closing(Loop(broker, cloud)) as loop:
        loop.settled()
        loop.up(GHOST)
        loop.up(LATE)
        loop.settled()
        wait_for_code(broker, GHOST)
    file.write_bytes(copied)
    with cloud.daemon("now"):
        wait_until_agreed(cloud)
        assert retained_state(broker, GHOST) == retained_state(broker, LATE) == WITHDRAWN


def test_a_file_that_is_a_little_older_is_noticed_though_many_lamps_come_at_once(
    cloud: Cloud, broker: Mosquitto, tmp_path: Path
) -> None:
    """As after a snapshot of the machine: by the time all is read, more was numbered than was lost."""
    file = cloud.folder / "lampi.db"
    with cloud.daemon(), closing(Loop(broker, cloud)) as loop:
        code = loop.new_lamp(WAITING)
    snapshot = shutil.copy(file, tmp_path / "snapshot.db")
    with cloud.daemon():
        cloud.command("associate", code, "--user", USER)
        wait_for_state(broker, WAITING, ASSOCIATED)
    shutil.copy(snapshot, file)
    broker.publish_all([(presence(f"b827ebba05{number:02d}"), b"1") for number in range(50)], retain=True)
    with cloud.daemon("again") as daemon:
        daemon.wait_to_say("older than the broker's retained messages")
        wait_until_agreed(cloud)
    assert code_in(retained_state(broker, WAITING) or b"") == code
