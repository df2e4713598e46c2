"""The touchscreen's settings: names, defaults and validation."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lamp_ui.core.i18n import LANGUAGES, language_of
from shared.logs import parse_format, parse_level
from shared.mqtt import broker_settings
from shared.mqtt.broker_settings import read_broker
from shared.mqtt.broker_url import BrokerUrl, parse_broker_url
from shared.protocol.device_id import own_device_id, read_device_id
from shared.protocol.topics import COURSE_BRIDGES, BridgeNames, lamp_prefix, parse_bridge_suffixes
from shared.settings import SettingsReader

BROKER_URL = broker_settings.BROKER_URL
BROKER_CA = broker_settings.CA
BROKER_CERTIFICATE = broker_settings.CERTIFICATE
BROKER_KEY = broker_settings.KEY
DEVICE_ID = "LAMPI_DEVICE_ID"
TOPIC_PREFIX = "LAMPI_TOPIC_PREFIX"
BRIDGE_SUFFIXES = "LAMPI_BRIDGE_SUFFIXES"
LOG_LEVEL = "LAMPI_LOG_LEVEL"
LOG_FORMAT = "LAMPI_LOG_FORMAT"
SIZE = "LAMPI_SIZE"
LANGUAGE = "LAMPI_LANGUAGE"
MOTION = "LAMPI_MOTION"
DIM_AFTER = "LAMPI_DIM_AFTER_SECONDS"
_BROKER = (BROKER_URL, BROKER_CA, BROKER_CERTIFICATE, BROKER_KEY)
NAMES = (*_BROKER, DEVICE_ID, TOPIC_PREFIX, BRIDGE_SUFFIXES, LOG_LEVEL, LOG_FORMAT, SIZE, LANGUAGE, MOTION, DIM_AFTER)

DEFAULT_BROKER_URL = "mqtt://localhost:1883"
DEFAULT_LOG_LEVEL = "INFO"
DEFAULT_LOG_FORMAT = "text"
DEFAULT_DIM_AFTER_SECONDS = 60.0
LONGEST_DIM_AFTER_SECONDS = 86_400.0

SHORTEST_SIDE, SHORTEST_LONG_SIDE, LONGEST_SIDE = 240, 320, 4096
"""Pixels: a LAMPI's panel, the smallest that can show a scannable QR code, and the limit of a Pi's graphics chip."""

_SIZE = re.compile(r"(\d{1,6})[xX](\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class WindowSize:
    """A window's size in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class Config:
    """The touchscreen's configuration.

    ``topic_prefix`` is the prefix of the lamp's topics, empty behind a bridge that strips it; ``bridge_names`` says how
    that bridge may be named. ``window_size`` is for desktops; None leaves it to Kivy's configuration, as on the Pi.
    ``motion`` enables fading and pulsing. The screen dims after ``dim_after_seconds`` without a touch; 0 means never.
    """

    broker: BrokerUrl
    device_id: str
    topic_prefix: str
    log_level: str
    log_format: str
    window_size: WindowSize | None
    language: str
    motion: bool
    dim_after_seconds: float
    bridge_names: BridgeNames = COURSE_BRIDGES


def read_config(values: Mapping[str, str], find_device_id: Callable[[], str] = own_device_id) -> Config:
    """Return the configuration from environment variables.

    ``find_device_id`` is called only if no setting names the device id.

    Raises:
        BadSettings: with one line for each invalid setting.
    """
    settings = SettingsReader(values)
    broker = read_broker(settings, parse_broker_url(DEFAULT_BROKER_URL))
    device_id = settings.read(DEVICE_ID, read_device_id, "" if DEVICE_ID in values else find_device_id())
    config = Config(
        broker=broker,
        device_id=device_id,
        topic_prefix=settings.read(TOPIC_PREFIX, parse_topic_prefix, lamp_prefix(device_id)),
        log_level=settings.read(LOG_LEVEL, parse_level, DEFAULT_LOG_LEVEL),
        log_format=settings.read(LOG_FORMAT, parse_format, DEFAULT_LOG_FORMAT),
        window_size=settings.read(SIZE, parse_window_size, None),
        language=settings.read(LANGUAGE, parse_language, language_of(values)),
        motion=settings.read(MOTION, parse_switch, True),
        dim_after_seconds=settings.read(DIM_AFTER, parse_dim_after, DEFAULT_DIM_AFTER_SECONDS),
        bridge_names=settings.read(BRIDGE_SUFFIXES, parse_bridge_suffixes, COURSE_BRIDGES),
    )
    settings.finish()
    return config


def parse_topic_prefix(text: str) -> str:
    """Return the prefix of the lamp's topics; the empty string means no prefix.

    Raises:
        ValueError: it is not the beginning of a topic.
    """
    if any(character in "+#" or not character.isprintable() for character in text):
        raise ValueError("must not contain '+', '#' or a control character")
    if text and not text.endswith("/"):
        raise ValueError("must end with '/', or be empty for no prefix")
    return text


def parse_window_size(text: str) -> WindowSize:
    """Parse a window size such as 240x320.

    Raises:
        ValueError: it is malformed, too small or too large.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a width and a height in pixels, such as 240x320")
    size = WindowSize(int(match[1]), int(match[2]))
    short, long = sorted((size.width, size.height))
    if short < SHORTEST_SIDE or not SHORTEST_LONG_SIDE <= long <= LONGEST_SIDE:
        least = f"{SHORTEST_SIDE}x{SHORTEST_LONG_SIDE} or {SHORTEST_LONG_SIDE}x{SHORTEST_SIDE}"
        raise ValueError(f"must be at least {least}, with no side above {LONGEST_SIDE}")
    return size


def parse_language(text: str) -> str:
    """Parse a two-letter language code.

    Raises:
        ValueError: the screen is not available in this language.
    """
    if text.strip().lower() not in LANGUAGES:
        raise ValueError(f"not one of {', '.join(LANGUAGES)}")
    return text.strip().lower()


def parse_switch(text: str) -> bool:
    """Parse `on` or `off`.

    Raises:
        ValueError: it is neither.
    """
    if text.strip().lower() not in ("on", "off"):
        raise ValueError("neither 'on' nor 'off'")
    return text.strip().lower() == "on"


def parse_dim_after(text: str) -> float:
    """Parse a number of seconds; 0 means never.

    Raises:
        ValueError: it is not a number, or too large.
    """
    if not re.fullmatch(r"\s*\d{1,9}(\.\d{1,6})?\s*", text, re.ASCII) or float(text) > LONGEST_DIM_AFTER_SECONDS:
        raise ValueError(f"not a number of seconds from 0 (never) to {LONGEST_DIM_AFTER_SECONDS:.0f}")
    return float(text)
