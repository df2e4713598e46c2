"""Settings of the cloud."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cloud.db.url import parse_database_url, shown_url
from cloud.mqtt.packets import LEVELS
from cloud.rate_limit.policy import CodePolicy, StockScreens
from cloud.services.resets import LampReset
from cloud.store.claim_url import parse_claim_url
from cloud.webhook.requests import HOW_TO_MAKE_A_SECRET, Receiver, parse_secret, parse_url
from shared.logs import parse_format, parse_level
from shared.mqtt.broker_settings import read_broker
from shared.mqtt.broker_url import BrokerUrl
from shared.protocol import topics
from shared.protocol.codes import CODE_LENGTH, SHORT_CODE_LENGTH
from shared.protocol.errors import quoted
from shared.settings import SettingsReader

DEFAULT_BROKER = BrokerUrl("localhost", 1883)
DEFAULT_DATABASE_URL = "sqlite:///lampi.db"
DEFAULT_PRESENCE_FILTERS = (topics.PRESENCE_FILTER, topics.STRIPPED_PRESENCE_FILTER)
DEFAULT_CODES = CodePolicy()
DEFAULT_MQTT_LEVELS = LEVELS["auto"]
WEBHOOK_URL, WEBHOOK_SECRET = "LAMPI_WEBHOOK_URL", "LAMPI_WEBHOOK_SECRET"


@dataclass(frozen=True)
class CloudSettings:
    """Settings from options and environment variables; passwords are kept out of ``repr``."""

    broker: BrokerUrl = DEFAULT_BROKER
    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    log_level: str = "INFO"
    log_format: str = "text"
    codes: CodePolicy = DEFAULT_CODES
    webhook: Receiver | None = None
    presence_filters: tuple[str, ...] = DEFAULT_PRESENCE_FILTERS
    bridge_names: topics.BridgeNames = topics.COURSE_BRIDGES
    claim_url: str | None = None
    mqtt_levels: tuple[int, ...] = DEFAULT_MQTT_LEVELS
    metrics_port: int | None = None
    lamp_reset: LampReset = LampReset.AFTER_A_DAY

    @property
    def shown_database_url(self) -> str:
        """The database URL without its password."""
        return shown_url(self.database_url)


def parse_code_ttl(text: str) -> timedelta | None:
    """Parse a code lifetime in seconds; 0 means None, no expiry.

    Raises:
        ValueError: not a whole number of seconds, or more than ten years.
    """
    try:
        seconds = _whole(text, 0, 10 * 365 * 24 * 3600, "seconds")
    except ValueError:
        raise ValueError(f"{quoted(text)} is not a whole number of seconds (0 for codes that never expire)") from None
    return timedelta(seconds=seconds) if seconds else None


def parse_guess_risk(text: str) -> float:
    """Parse the accepted probability that any guess within a window succeeds.

    Raises:
        ValueError: not a number above 0 and at most 1.
    """
    try:
        risk = float(text)
    except ValueError:
        risk = 0.0
    if not 0 < risk <= 1:
        raise ValueError(f"{quoted(text)} is not a probability above 0 and at most 1, such as 0.001")
    return risk


def parse_guess_window(text: str) -> timedelta:
    """Parse how long a wrong code counts, in seconds.

    Raises:
        ValueError: not a whole number of seconds, less than a minute, or more than a year.
    """
    return timedelta(seconds=_whole(text, 60, 365 * 24 * 3600, "seconds"))


def parse_guesses(text: str) -> int:
    """Parse the number of wrong codes allowed in a window.

    Raises:
        ValueError: not a whole number from 1 to a million.
    """
    return _whole(text, 1, 1_000_000, "wrong codes")


def parse_short_code_length(text: str) -> tuple[int, int]:
    """Parse the minimum and maximum length of short codes: `8` (minimum) or `6-6` (range).

    Raises:
        ValueError: malformed, or outside 6 to 32.
    """
    least, between, most = text.partition("-")
    try:
        shortest = _whole(least, SHORT_CODE_LENGTH, CODE_LENGTH, "characters")
        return shortest, _whole(most, shortest, CODE_LENGTH, "characters") if between else CODE_LENGTH
    except ValueError:
        raise ValueError(
            f"{quoted(text)} is neither a minimum length from {SHORT_CODE_LENGTH} to {CODE_LENGTH} nor a range "
            "such as 6-6"
        ) from None


def parse_stock_screens(text: str) -> StockScreens:
    """Parse which lamps get stock treatment.

    Raises:
        ValueError: neither `auto`, `yes` nor `no`.
    """
    try:
        return StockScreens(text.strip().lower())
    except ValueError:
        raise ValueError(f"{quoted(text)} is not one of {', '.join(StockScreens)}") from None


def parse_lamp_reset(text: str) -> LampReset:
    """Parse whether lamps can be released at their screens.

    Raises:
        ValueError: neither `at-once`, `after-a-day` nor `never`.
    """
    try:
        return LampReset(text.strip().lower())
    except ValueError:
        raise ValueError(f"{quoted(text)} is not one of {', '.join(LampReset)}") from None


def _whole(text: str, lowest: int, highest: int, unit: str) -> int:
    digits = text.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and lowest <= int(digits) <= highest):
        raise ValueError(f"{quoted(text)} is not a whole number of {unit} from {lowest} to {highest}")
    return int(digits)


def parse_metrics_port(text: str) -> int | None:
    """Parse the port of the metrics endpoint; 0 means None, no endpoint.

    Raises:
        ValueError: not a port.
    """
    try:
        return _whole(text, 0, 65535, "") or None
    except ValueError:
        raise ValueError(f"{quoted(text)} is not a port from 1 to 65535 (0 for no metrics)") from None


def parse_mqtt_version(text: str) -> tuple[int, ...]:
    """Return the MQTT protocol levels that the daemon tries, in order.

    Raises:
        ValueError: not a supported version or `auto`.
    """
    levels = LEVELS.get(text.strip().lower())
    if levels is None:
        raise ValueError(f"{quoted(text)} is not one of {', '.join(LEVELS)}")
    return levels


def read_settings(values: Mapping[str, str]) -> CloudSettings:
    """Read the settings from environment variables.

    Raises:
        BadSettings: with one line for each invalid setting.
    """
    reader = SettingsReader(values)
    usual = DEFAULT_CODES
    lengths = reader.read("LAMPI_SHORT_CODE_LENGTH", parse_short_code_length, (usual.shortest, usual.longest))
    codes = CodePolicy(
        ttl=reader.read("LAMPI_CODE_TTL", parse_code_ttl, usual.ttl),
        risk=reader.read("LAMPI_GUESS_RISK", parse_guess_risk, usual.risk),
        window=reader.read("LAMPI_GUESS_WINDOW", parse_guess_window, usual.window),
        guesses_per_user=reader.read("LAMPI_GUESSES_PER_USER", parse_guesses, usual.guesses_per_user),
        guesses_per_source=reader.read("LAMPI_GUESSES_PER_SOURCE", parse_guesses, usual.guesses_per_source),
        shortest=lengths[0],
        longest=lengths[1],
        stock_screens=reader.read("LAMPI_STOCK_SCREENS", parse_stock_screens, usual.stock_screens),
    )
    settings = CloudSettings(
        broker=read_broker(reader, DEFAULT_BROKER),
        database_url=reader.read("LAMPI_DATABASE_URL", parse_database_url, DEFAULT_DATABASE_URL),
        log_level=reader.read("LAMPI_LOG_LEVEL", parse_level, "INFO"),
        log_format=reader.read("LAMPI_LOG_FORMAT", parse_format, "text"),
        presence_filters=reader.read("LAMPI_PRESENCE_FILTERS", topics.parse_presence_filters, DEFAULT_PRESENCE_FILTERS),
        bridge_names=reader.read("LAMPI_BRIDGE_SUFFIXES", topics.parse_bridge_suffixes, topics.COURSE_BRIDGES),
        webhook=_read_webhook(reader),
        codes=codes,
        claim_url=reader.read("LAMPI_CLAIM_URL", parse_claim_url, None),
        mqtt_levels=reader.read("LAMPI_MQTT_VERSION", parse_mqtt_version, DEFAULT_MQTT_LEVELS),
        metrics_port=reader.read("LAMPI_METRICS_PORT", parse_metrics_port, None),
        lamp_reset=reader.read("LAMPI_LAMP_RESET", parse_lamp_reset, LampReset.AFTER_A_DAY),
    )
    reader.finish()
    return settings


def _read_webhook(reader: SettingsReader) -> Receiver | None:
    url = reader.read(WEBHOOK_URL, parse_url, None)
    secret = reader.read(WEBHOOK_SECRET, parse_secret, None)
    if reader.has(WEBHOOK_URL) and not reader.has(WEBHOOK_SECRET):
        reader.refuse(WEBHOOK_SECRET, f"is missing: {HOW_TO_MAKE_A_SECRET}")
    if reader.has(WEBHOOK_SECRET) and not reader.has(WEBHOOK_URL):
        reader.refuse(WEBHOOK_URL, "is missing: a secret has no effect without it")
    return None if url is None or secret is None else Receiver(url, secret)
