"""`lampi-cloud status` reports certificates that expire soon, before they lock anyone out."""

from datetime import timedelta
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.ops.certificate_expiry import BROKER, DAEMON, check_renewal, read_ends
from cloud.ops.health import Level
from cloud.settings import read_settings
from tests.support.secure import Installed

TWO_YEARS = timedelta(days=2 * 365)


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    return Installed(tmp_path)


@pytest.mark.parametrize(
    ("after", "level"),
    [
        (timedelta(0), Level.OK),
        (TWO_YEARS - timedelta(days=31), Level.OK),
        (TWO_YEARS - timedelta(days=29), Level.WARNING),
        (TWO_YEARS + timedelta(days=1), Level.CRITICAL),
    ],
)
def test_what_expires_soon_is_reported_with_advice(installed: Installed, after: timedelta, level: Level) -> None:
    with installed.broker:
        ends = read_ends(read_settings(installed.cloud.environment).broker)
    assert set(ends) == {BROKER, DAEMON}
    (check,) = check_renewal(ends, utc_now() + after)
    assert check.level is level
    for command in ("lampi-cloud ca server HOST", "lampi-cloud ca daemon"):
        assert (command in check.text) == (level is not Level.OK)


def test_only_the_expiring_certificate_is_reported(installed: Installed) -> None:
    with installed.broker:
        ends = read_ends(read_settings(installed.cloud.environment).broker)
    (check,) = check_renewal(ends | {BROKER: utc_now()}, utc_now())
    assert (check.level, "ca daemon" in check.text) == (Level.CRITICAL, False)


def test_the_advice_says_what_reads_the_new_certificate_without_more(installed: Installed) -> None:
    """As the commands that make it say: Mosquitto reads its own on a reload, which closes no connection."""
    (check,) = check_renewal({BROKER: utc_now(), DAEMON: utc_now()}, utc_now())
    broker, _, daemon = check.text.partition("the daemon's certificate")
    assert ("systemctl reload mosquitto" in broker, "restart" in broker) == (True, False)
    assert "restart the daemon" in daemon
    assert "systemctl reload mosquitto" in installed.cloud.command("ca", "server", "localhost")
    assert "restart the daemon" in installed.cloud.command("ca", "daemon", "--out", str(installed.ca.parent))


def test_the_command_says_it(installed: Installed) -> None:
    with installed.broker, installed.cloud.daemon():
        said = installed.cloud.command("status")
    assert "\nOK       renewal    certificates are valid until 20" in said


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
def test_a_standby_that_takes_over_without_its_files_waits_for_them(installed: Installed, which: str) -> None:
    """It reads them again then, months after its start."""
    file = Path(installed.cloud.environment[f"LAMPI_BROKER_{which.upper()}"])
    with installed.broker, installed.cloud.daemon() as leader:
        standby = installed.cloud.daemon("standby").start(until="Standing by")
        try:
            away = file.rename(file.with_suffix(".away"))
            assert leader.stop() == 0
            standby.wait_to_say(f"the file of LAMPI_BROKER_{which.upper()} can't be read")
            away.rename(file)
            standby.wait_to_say("Connected to the broker")
            assert standby.stop() == 0
            assert "Traceback" not in standby.log()
        finally:
            standby.kill()


def test_a_broker_that_is_away_is_no_matter_of_certificates(installed: Installed) -> None:
    ends = read_ends(read_settings(installed.cloud.environment).broker)
    assert set(ends) == {DAEMON}


def test_without_tls_there_is_nothing_to_renew() -> None:
    assert check_renewal(read_ends(read_settings({}).broker), utc_now()) == []
