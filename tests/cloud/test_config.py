"""The cloud's settings: defaults, faults, secrets."""

import pytest

from cloud.config import CloudSettings, read_settings
from shared.broker_url import BrokerUrl
from shared.settings import BadSettings


def test_nothing_set_gives_the_defaults() -> None:
    assert read_settings({}) == CloudSettings(BrokerUrl("localhost", 1883), "sqlite:///lampi.db", "INFO")


def test_what_is_set_is_read() -> None:
    settings = read_settings(
        {
            "LAMPI_BROKER_URL": "mqtts://me:secret@broker.example",
            "LAMPI_DATABASE_URL": "postgresql://me:secret@db.example/lampi",
            "LAMPI_LOG_LEVEL": "debug",
        }
    )
    assert settings.broker == BrokerUrl("broker.example", 8883, True, "me", "secret")
    assert settings.log_level == "DEBUG"
    assert "secret" not in repr(settings)
    assert settings.shown_database_url == "postgresql://me:***@db.example/lampi"


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(BadSettings) as bad:
        read_settings({"LAMPI_BROKER_URL": "x", "LAMPI_DATABASE_URL": "y", "LAMPI_LOG_LEVEL": "loud"})
    assert [fault.partition(":")[0] for fault in bad.value.faults] == [
        "LAMPI_BROKER_URL",
        "LAMPI_DATABASE_URL",
        "LAMPI_LOG_LEVEL",
    ]
