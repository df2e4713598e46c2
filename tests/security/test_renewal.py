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


def test_the_command_says_it(installed: Installed) -> None:
    with installed.broker, installed.cloud.daemon():
        said = installed.cloud.command("status")
    assert "\nOK       renewal    certificates are valid until 20" in said


def test_a_broker_that_is_away_is_no_matter_of_certificates(installed: Installed) -> None:
    ends = read_ends(read_settings(installed.cloud.environment).broker)
    assert set(ends) == {DAEMON}


def test_without_tls_there_is_nothing_to_renew() -> None:
    assert check_renewal(read_ends(read_settings({}).broker), utc_now()) == []
