"""The cloud's settings."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from cloud.database import parse_database_url, shown_url
from cloud.webhook import HOW_TO_MAKE_A_SECRET, Receiver, parse_secret, parse_url
from shared import topics
from shared.broker_url import BrokerUrl, parse_broker_url
from shared.errors import quoted
from shared.logs import parse_level
from shared.settings import SettingsReader

DEFAULT_BROKER = BrokerUrl("localhost", 1883)
DEFAULT_DATABASE_URL = "sqlite:///lampi.db"
DEFAULT_PRESENCE_FILTERS = (topics.PRESENCE_FILTER,)
WEBHOOK_URL, WEBHOOK_SECRET = "LAMPI_WEBHOOK_URL", "LAMPI_WEBHOOK_SECRET"
DEFAULT_CODE_TTL: timedelta | None = timedelta(seconds=900)


@dataclass(frozen=True)
class CloudSettings:
    """What the cloud's commands are told by options and environment; passwords stay out of ``repr``."""

    broker: BrokerUrl = DEFAULT_BROKER
    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    log_level: str = "INFO"
    code_ttl: timedelta | None = DEFAULT_CODE_TTL
    webhook: Receiver | None = None
    presence_filters: tuple[str, ...] = DEFAULT_PRESENCE_FILTERS

    @property
    def shown_database_url(self) -> str:
        """The database URL as a person or a log may see it."""
        return shown_url(self.database_url)


def parse_code_ttl(text: str) -> timedelta | None:
    """Return how long a code is good for, from seconds; None, for ever, from 0.

    Raises:
        ValueError: it is not a whole number of seconds, or more than ten years.
    """
    if not text.strip().isdecimal() or int(text) > 10 * 365 * 24 * 3600:
        raise ValueError(f"{quoted(text)} is not a whole number of seconds (0 for codes that never lapse)")
    return timedelta(seconds=int(text)) if int(text) else None


def read_settings(values: Mapping[str, str]) -> CloudSettings:
    """Return the settings from names and strings, as the environment has them.

    Raises:
        BadSettings: with a line for each setting that can't be used.
    """
    reader = SettingsReader(values)
    settings = CloudSettings(
        broker=reader.read("LAMPI_BROKER_URL", parse_broker_url, DEFAULT_BROKER),
        database_url=reader.read("LAMPI_DATABASE_URL", parse_database_url, DEFAULT_DATABASE_URL),
        log_level=reader.read("LAMPI_LOG_LEVEL", parse_level, "INFO"),
        presence_filters=reader.read("LAMPI_PRESENCE_FILTERS", topics.parse_presence_filters, DEFAULT_PRESENCE_FILTERS),
        webhook=_read_webhook(reader),
        code_ttl=reader.read("LAMPI_CODE_TTL", parse_code_ttl, DEFAULT_CODE_TTL),
    )
    reader.finish()
    return settings


def _read_webhook(reader: SettingsReader) -> Receiver | None:
    url = reader.read(WEBHOOK_URL, parse_url, None)
    secret = reader.read(WEBHOOK_SECRET, parse_secret, None)
    if reader.has(WEBHOOK_URL) and not reader.has(WEBHOOK_SECRET):
        reader.refuse(WEBHOOK_SECRET, f"is missing: {HOW_TO_MAKE_A_SECRET}")
    if reader.has(WEBHOOK_SECRET) and not reader.has(WEBHOOK_URL):
        reader.refuse(WEBHOOK_URL, "is missing: a secret alone tells nobody anything")
    return None if url is None or secret is None else Receiver(url, secret)
