"""The cloud's settings: defaults, faults, secrets."""

from datetime import timedelta

import pytest

from cloud.rate_limit.policy import CodePolicy, StockScreens
from cloud.services.resets import LampReset
from cloud.settings import CloudSettings, read_settings
from shared.mqtt.broker_url import BrokerUrl
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


def test_the_policy_for_codes() -> None:
    policy = read_settings(
        {
            "LAMPI_CODE_TTL": "0",
            "LAMPI_GUESS_RISK": "1e-4",
            "LAMPI_GUESS_WINDOW": "3600",
            "LAMPI_GUESSES_PER_USER": "5",
            "LAMPI_GUESSES_PER_SOURCE": "50",
            "LAMPI_SHORT_CODE_LENGTH": "8-12",
            "LAMPI_STOCK_SCREENS": " Yes ",
        }
    ).codes
    assert policy == CodePolicy(None, 1e-4, timedelta(hours=1), 5, 50, 8, 12, StockScreens.YES)
    assert read_settings({}).codes == CodePolicy(
        timedelta(seconds=900), 0.001, timedelta(days=1), 10, 100, 6, 32, StockScreens.AUTO
    )


def test_whether_lamps_can_be_released_at_their_screens() -> None:
    assert read_settings({}).lamp_reset is LampReset.AFTER_A_DAY
    assert read_settings({"LAMPI_LAMP_RESET": " At-once "}).lamp_reset is LampReset.AT_ONCE


@pytest.mark.parametrize(
    ("text", "lengths"), [("6", (6, 32)), ("6-6", (6, 6)), (" 12 ", (12, 32)), ("32", (32, 32)), ("6-32", (6, 32))]
)
def test_lengths_of_short_codes(text: str, lengths: tuple[int, int]) -> None:
    codes = read_settings({"LAMPI_SHORT_CODE_LENGTH": text}).codes
    assert (codes.shortest, codes.longest) == lengths


@pytest.mark.parametrize(
    ("name", "text"),
    [("LAMPI_SHORT_CODE_LENGTH", text) for text in ("5", "5-8", "8-7", "33", "6-33", "", "-", "6-", "six", "6.0")]
    + [("LAMPI_GUESS_RISK", text) for text in ("0", "-1", "1.1", "nan", "inf", "", "a")]
    + [("LAMPI_GUESS_WINDOW", text) for text in ("59", "31536001", "1.5")]
    + [("LAMPI_GUESSES_PER_USER", text) for text in ("0", "1000001", "\u0661")]
    + [("LAMPI_STOCK_SCREENS", text) for text in ("", "true", "maybe")]
    + [("LAMPI_LAMP_RESET", text) for text in ("", "yes", "after a day", "24")]
    + [("LAMPI_GUESSES_PER_SOURCE", "0"), ("LAMPI_CODE_TTL", "\u00b2"), ("LAMPI_CODE_TTL", "9" * 5000)],
)
def test_what_can_not_be_a_policy_is_refused(name: str, text: str) -> None:
    with pytest.raises(BadSettings) as bad:
        read_settings({name: text})
    assert [fault.partition(":")[0] for fault in bad.value.faults] == [name]


def test_all_faults_are_reported_together() -> None:
    with pytest.raises(BadSettings) as bad:
        read_settings({"LAMPI_BROKER_URL": "x", "LAMPI_DATABASE_URL": "y", "LAMPI_LOG_LEVEL": "loud"})
    assert [fault.partition(":")[0] for fault in bad.value.faults] == [
        "LAMPI_BROKER_URL",
        "LAMPI_DATABASE_URL",
        "LAMPI_LOG_LEVEL",
    ]
