"""Settings of the web page."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from cloud.db.url import parse_database_url
from cloud.settings import DEFAULT_DATABASE_URL
from shared.logs import parse_format, parse_level
from shared.protocol.errors import quoted
from shared.settings import SettingsReader


@dataclass(frozen=True)
class WebSettings:
    """The settings of `lampi-cloud web`; ``trusted_proxy`` is the address whose forwarding headers are trusted.

    ``proxy_count``: how many proxies a request passes; each adds an entry to `X-Forwarded-For`.
    """

    database_url: str = field(default=DEFAULT_DATABASE_URL, repr=False)
    log_level: str = "INFO"
    log_format: str = "text"
    sign_up_open: bool = True
    trusted_proxy: str | None = None
    proxy_count: int = 1


def parse_sign_up(text: str) -> bool:
    """Return whether users can create accounts, from "open" or "closed".

    Raises:
        ValueError: it is any other text.
    """
    if text not in ("open", "closed"):
        raise ValueError(f"{quoted(text)} is not 'open' or 'closed'")
    return text == "open"


def parse_proxy(text: str) -> str | None:
    """Return the address of the trusted proxy, or None for an empty string.

    Raises:
        ValueError: it is not an IP address.
    """
    if not text.strip():
        return None
    try:
        return str(ip_address(text.strip()))
    except ValueError:
        raise ValueError(f"{quoted(text)} is not an IP address, such as 127.0.0.1") from None


def parse_proxy_count(text: str) -> int:
    """Return the number of proxies in front of the page.

    Raises:
        ValueError: it is not a number from 1 to 10.
    """
    if not (text.strip().isascii() and text.strip().isdigit() and 1 <= int(text) <= 10):
        raise ValueError(f"{quoted(text)} is not a number of proxies from 1 to 10")
    return int(text)


def read_web_settings(values: Mapping[str, str]) -> WebSettings:
    """Return the settings from environment variables.

    Raises:
        BadSettings: with one line for each invalid setting.
    """
    reader = SettingsReader(values)
    settings = WebSettings(
        database_url=reader.read("LAMPI_DATABASE_URL", parse_database_url, DEFAULT_DATABASE_URL),
        log_level=reader.read("LAMPI_LOG_LEVEL", parse_level, "INFO"),
        log_format=reader.read("LAMPI_LOG_FORMAT", parse_format, "text"),
        sign_up_open=reader.read("LAMPI_SIGN_UP", parse_sign_up, True),
        trusted_proxy=reader.read("LAMPI_TRUSTED_PROXY", parse_proxy, None),
        proxy_count=reader.read("LAMPI_PROXY_COUNT", parse_proxy_count, 1),
    )
    reader.finish()
    return settings
