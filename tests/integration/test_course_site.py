"""Moving in from a course site: its broker's lamps stay as they are until the import, and after it."""

import json
from pathlib import Path

import pytest

from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.course_site import PARKED, CourseSiteDatabase, SiteLamp, SiteUser, django_hash
from tests.support.loop import ASSOCIATED, associated, code_in, retained_state, stock_presence, wait_for_state
from tests.support.waiting import wait_until

OWNED, WAITING, LEFT_OUT = "b827eb000001", "b827eb000002", "b827eb000003"
CODE = "b2" * 16
STATES = {
    OWNED: ASSOCIATED,
    WAITING: f'{{"associated": false, "code": "{CODE}"}}'.encode(),
    LEFT_OUT: ASSOCIATED,
}
REFUSED = "The broker has lamps of another database, and this one is empty"
ADVICE = "run 'lampi-cloud import-course'"


@pytest.fixture
def site(tmp_path: Path) -> CourseSiteDatabase:
    made = CourseSiteDatabase(tmp_path / "db.sqlite3")
    made.add(
        [SiteUser(1, "grace", django_hash("lampi")), SiteUser(2, PARKED, "", is_active=False), SiteUser(3, "Grace")],
        [SiteLamp(OWNED, "a1" * 16, 1), SiteLamp(WAITING, CODE, 2), SiteLamp(LEFT_OUT, "c3" * 16, 3)],
    )
    return made


@pytest.fixture
def course_broker(broker: Mosquitto) -> Mosquitto:
    """Give the site's broker, on which all three lamps are connected."""
    for device_id, state in STATES.items():
        broker.publish(associated(device_id), state, retain=True)
        broker.publish(stock_presence(device_id), b"1", retain=True)
    return broker


def wait_until_new(broker: Mosquitto) -> None:
    """Wait until the lamp that was left out is registered as a new one, as the import's report says."""
    wait_until(lambda: b'"code"' in (retained_state(broker, LEFT_OUT) or b""), "a code for the lamp that was left out")


def test_the_daemon_waits_for_the_import_and_then_goes_on_by_itself(
    course_broker: Mosquitto, cloud: Cloud, site: CourseSiteDatabase
) -> None:
    with cloud.daemon() as daemon:
        daemon.wait_to_say(REFUSED)
        assert ADVICE in daemon.log()
        wait_until(lambda: ADVICE in cloud.command("status", status=2), "status to say what to do")
        assert {device_id: retained_state(course_broker, device_id) for device_id in STATES} == STATES
        assert cloud.lamps() == {}
        said = cloud.command("import-course", site.place)
        assert f"Left out: lamp {LEFT_OUT}" in said
        wait_until_new(course_broker)
        wait_until(lambda: "LAMPI OK" in cloud.command("status", "--dropped", "1000"), "all to be well")
        wait_for_state(course_broker, OWNED, ASSOCIATED)
        assert code_in(retained_state(course_broker, WAITING) or b"") == CODE
        lamps = cloud.lamps()
        assert {device_id: lamp["user"] for device_id, lamp in lamps.items()} == {
            OWNED: "grace",
            WAITING: None,
            LEFT_OUT: None,
        }
        cloud.command("associate", CODE[:6], "--user", "grace")
        wait_for_state(course_broker, WAITING, ASSOCIATED)


def test_what_was_imported_before_the_first_start_is_published(
    course_broker: Mosquitto, cloud: Cloud, site: CourseSiteDatabase
) -> None:
    cloud.command("import-course", site.place)
    with cloud.daemon() as daemon:
        wait_until_new(course_broker)
        assert retained_state(course_broker, OWNED) == ASSOCIATED
        assert code_in(retained_state(course_broker, WAITING) or b"") == CODE
        assert REFUSED not in daemon.log()


def test_an_import_without_a_lamp_takes_no_lamp_from_its_owner(
    course_broker: Mosquitto, cloud: Cloud, site: CourseSiteDatabase
) -> None:
    """As with the database of another site: the broker's lamps are still unknown."""
    site.execute("DELETE FROM lampi_lampi")
    cloud.command("import-course", site.place)
    with cloud.daemon() as daemon:
        daemon.wait_to_say(REFUSED)
        assert {device_id: retained_state(course_broker, device_id) for device_id in STATES} == STATES
        assert json.loads(cloud.command("lamps", "--json")) == []
