"""The touchscreen's settings: where they come from and what they may be."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lamp_ui.core.i18n import LANGUAGES, spoken_here
from shared.logs import parse_format, parse_level
from shared.mqtt import broker_settings
from shared.mqtt.broker_settings import read_broker
from shared.mqtt.broker_url import BrokerUrl, parse_broker_url
from shared.protocol.device_id import own_device_id, read_device_id
from shared.protocol.topics import lamp_prefix
from shared.settings import SettingsReader

BROKER_URL = broker_settings.BROKER_URL
BROKER_CA = broker_settings.CA
BROKER_CERTIFICATE = broker_settings.CERTIFICATE
BROKER_KEY = broker_settings.KEY
DEVICE_ID = "LAMPI_DEVICE_ID"
TOPIC_PREFIX = "LAMPI_TOPIC_PREFIX"
LOG_LEVEL = "LAMPI_LOG_LEVEL"
LOG_FORMAT = "LAMPI_LOG_FORMAT"
SIZE = "LAMPI_SIZE"
LANGUAGE = "LAMPI_LANGUAGE"
MOTION = "LAMPI_MOTION"
DIM_AFTER = "LAMPI_DIM_AFTER_SECONDS"
_BROKER = (BROKER_URL, BROKER_CA, BROKER_CERTIFICATE, BROKER_KEY)
NAMES = (*_BROKER, DEVICE_ID, TOPIC_PREFIX, LOG_LEVEL, LOG_FORMAT, SIZE, LANGUAGE, MOTION, DIM_AFTER)

DEFAULT_BROKER_URL = "mqtt://localhost:1883"
DEFAULT_LOG_LEVEL = "INFO"
DEFAULT_LOG_FORMAT = "text"
DEFAULT_DIM_AFTER_SECONDS = 60.0
LONGEST_DIM_AFTER_SECONDS = 86_400.0

SHORTEST_SIDE, SHORTEST_LONG_SIDE, LONGEST_SIDE = 240, 320, 4096
"""Pixels: a LAMPI's own screen, below which no QR code can be scanned; and what a Pi's graphics chip can draw."""

_SIZE = re.compile(r"(\d{1,6})[xX](\d{1,6})", re.ASCII)


@dataclass(frozen=True)
class WindowSize:
    """A window's size in pixels."""

    width: int
    height: int


@dataclass(frozen=True)
class Config:
    """What the touchscreen needs to know before it starts.

    ``topic_prefix`` stands before every topic of the lamp; it is empty behind a bridge that strips
    it. ``window_size`` is for the desk; None leaves it to Kivy's own configuration, as on the Pi.
    ``motion`` says whether anything may move or fade by itself. ``dim_after_seconds`` without a touch
    the screen dims; 0 means never.
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


def read_config(values: Mapping[str, str], find_device_id: Callable[[], str] = own_device_id) -> Config:
    """Return the configuration that the settings describe.

    ``values`` holds them by name, as the environment does; what is not among them takes its
    default. ``find_device_id`` is asked for the lamp's own id only where no setting names one.

    Raises:
        BadSettings: with every fault, not just the first.
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
        language=settings.read(LANGUAGE, parse_language, spoken_here(values)),
        motion=settings.read(MOTION, parse_switch, True),
        dim_after_seconds=settings.read(DIM_AFTER, parse_dim_after, DEFAULT_DIM_AFTER_SECONDS),
    )
    settings.finish()
    return config


def parse_topic_prefix(text: str) -> str:
    """Return the prefix of the lamp's topics; the empty string is one, and means none.

    Raises:
        ValueError: no topic can begin like that.
    """
    if any(character in "+#" or not character.isprintable() for character in text):
        raise ValueError("no topic may hold '+', '#' or a control character")
    if text and not text.endswith("/"):
        raise ValueError("must end with '/', or be empty for no prefix at all")
    return text


def parse_window_size(text: str) -> WindowSize:
    """Return the size that is written as width, an x and height, such as 240x320.

    Raises:
        ValueError: it is not written so, or no such window makes sense.
    """
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError("not a width and a height in pixels, such as 240x320")
    size = WindowSize(int(match[1]), int(match[2]))
    short, long = sorted((size.width, size.height))
    if short < SHORTEST_SIDE or not SHORTEST_LONG_SIDE <= long <= LONGEST_SIDE:
        least = f"{SHORTEST_SIDE}x{SHORTEST_LONG_SIDE} or {SHORTEST_LONG_SIDE}x{SHORTEST_SIDE}"
        raise ValueError(f"must be at least {least}, and no side above {LONGEST_SIDE}")
    return size


def parse_language(text: str) -> str:
    """Return the language by its two letters.

    Raises:
        ValueError: the screen does not speak it.
    """
    if text.strip().lower() not in LANGUAGES:
        raise ValueError(f"not one of {', '.join(LANGUAGES)}")
    return text.strip().lower()


def parse_switch(text: str) -> bool:
    """Return what `on` or `off` means.

    Raises:
        ValueError: it is neither.
    """
    if text.strip().lower() not in ("on", "off"):
        raise ValueError("neither 'on' nor 'off'")
    return text.strip().lower() == "on"


def parse_dim_after(text: str) -> float:
    """Return a number of seconds; 0 means never.

    Raises:
        ValueError: it is no number, or none that makes sense.
    """
    if not re.fullmatch(r"\s*\d{1,9}(\.\d{1,6})?\s*", text, re.ASCII) or float(text) > LONGEST_DIM_AFTER_SECONDS:
        raise ValueError(f"not a number of seconds from 0 (never) to {LONGEST_DIM_AFTER_SECONDS:.0f}")
    return float(text)
