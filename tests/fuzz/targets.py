"""All parsers of untrusted input, each with the one exception that its docstring names."""

import click
from hypothesis import strategies as st

from cloud.cli.history import Instant
from cloud.db.url import parse_database_url, shown_url
from cloud.errors import MalformedCode
from cloud.ops.provisioning.errors import BadName
from cloud.ops.provisioning.provision import read_address
from cloud.settings import read_settings
from cloud.store import sources
from cloud.store.codes import read_code
from lamp_ui.core.claim_url import scanned_address, shown_address
from lamp_ui.settings import read_config
from shared.logs import parse_level
from shared.mqtt.broker_url import parse_broker_url
from shared.protocol import payloads, topics
from shared.protocol.device_id import BadDeviceId, read_device_id
from shared.protocol.errors import BadMember, BadPayload, BadTopic
from shared.protocol.strict_json import decode_object
from shared.settings import BadSettings
from tests.fuzz.target import of_bytes, of_settings, of_text
from tests.shared.protocol.json_documents import (
    ASSOCIATIONS,
    LAMP_CONFIGS,
    NEARLY_ASSOCIATIONS,
    NEARLY_LAMP_CONFIGS,
    mutated,
    written,
)

CODE = "b71e09c4" * 4
_BROKER_URLS = ("mqtt://me:secret@broker.example:1883", "mqtts://[::1]", "mqtt://localhost")
_DATABASE_URLS = ("sqlite:///lampi.db", "postgresql://me:secret@db.example/lampi?sslmode=require")
_FILTERS = "$SYS/broker/connection/+/state,devices/+/lamp/connection/bridge/state"
_TOPICS = ("$SYS/broker/connection/b827ebba0387_broker/state", "devices/b827ebba0387/lamp/associated")
_CLAIMS = ("https://lamps.example.com/claim?code=" + CODE, "http://[::1]:8080/claim", "https://x/#" + CODE)
_SETTINGS = {
    "LAMPI_BROKER_URL": _BROKER_URLS,
    "LAMPI_BROKER_CA": ("/nowhere/ca.crt", "a\x00b"),
    "LAMPI_LOG_LEVEL": ("info",),
}
_CLOUD_SETTINGS = _SETTINGS | {
    "LAMPI_DATABASE_URL": _DATABASE_URLS,
    "LAMPI_PRESENCE_FILTERS": (_FILTERS,),
    "LAMPI_BRIDGE_SUFFIXES": ("_broker,_lampi_broker", ""),
    "LAMPI_CODE_TTL": ("900", "0"),
    "LAMPI_GUESS_RISK": ("0.001", "1e-9", "nan"),
    "LAMPI_GUESS_WINDOW": ("86400",),
    "LAMPI_GUESSES_PER_USER": ("10",),
    "LAMPI_GUESSES_PER_SOURCE": ("100",),
    "LAMPI_SHORT_CODE_LENGTH": ("6", "6-6", "8-12"),
    "LAMPI_LAMP_RESET": ("at-once", "after-a-day", "never"),
    "LAMPI_STOCK_SCREENS": ("auto", "yes", "no"),
    "LAMPI_METRICS_PORT": ("9464",),
    "LAMPI_MQTT_VERSION": ("auto", "5", "3.1.1"),
    "LAMPI_LOG_FORMAT": ("json",),
}
_SCREEN_SETTINGS = _SETTINGS | {
    "LAMPI_DEVICE_ID": ("b827ebba0387",),
    "LAMPI_TOPIC_PREFIX": ("devices/b827ebba0387/", ""),
    "LAMPI_BRIDGE_SUFFIXES": ("_broker,_lampi_broker", ""),
    "LAMPI_SIZE": ("240x320",),
    "LAMPI_LANGUAGE": ("en", "de"),
    "LAMPI_MOTION": ("on",),
    "LAMPI_DIM_AFTER_SECONDS": ("60", "1.5"),
    "LANG": ("de_DE.UTF-8",),
}
_ASSOCIATED = (
    st.binary()
    | NEARLY_ASSOCIATIONS.map(written)
    | mutated(ASSOCIATIONS.map(lambda association: association.encode()))
    | st.integers(0, 3000).map(lambda depth: b'{"associated": ' + b"[" * depth)
)
_LAMP_CONFIG = (
    st.binary() | NEARLY_LAMP_CONFIGS.map(written) | mutated(LAMP_CONFIGS.map(lambda config: config.encode()))
)


def _database_url(text: str) -> None:
    """Read it, and show it as a log would: whatever is accepted can be shown."""
    shown_url(parse_database_url(text))


TARGETS = (
    of_bytes(
        "decode_object", decode_object, BadPayload, b'{"a": [1, {"b": 1e999}]}', b'{"a": NaN}', b'{"a": 1, "a": 2}'
    ),
    of_bytes(
        "decode_association",
        payloads.decode_association,
        (BadPayload, BadMember),
        b'{"associated": false, "code": "%s", "url": "x", "short_code_length": 8}' % CODE.encode(),
        inputs=_ASSOCIATED,
    ),
    of_bytes(
        "decode_lamp_config",
        payloads.decode_lamp_config,
        (BadPayload, BadMember),
        b'{"color": {"h": 0.5, "s": 1}, "brightness": 0.5, "on": true, "client": "x"}',
        b'{"on": "FALSE"}',
        inputs=_LAMP_CONFIG,
    ),
    of_bytes(
        "decode_high_water_mark", payloads.decode_high_water_mark, BadPayload, b'{"origin": "0123", "version": 17}'
    ),
    of_bytes("decode_count", payloads.decode_count, BadPayload, b"17"),
    of_bytes("decode_up", payloads.decode_up, BadPayload, b"1", b"0"),
    of_text("parse_presence", topics.parse_presence, None, *_TOPICS),
    of_text("parse_associated", topics.parse_associated, BadTopic, *_TOPICS),
    of_text("parse_bridge", topics.parse_bridge, None, *_TOPICS, topics.stripped_presence("b827ebba0387")),
    of_text("parse_bridge_suffixes", topics.parse_bridge_suffixes, ValueError, "_broker,_lampi_broker"),
    of_text("parse_presence_filters", topics.parse_presence_filters, ValueError, _FILTERS),
    of_text("read_code", read_code, MalformedCode, "b71e09", "B71 E09", "oOiIlL", CODE),
    of_text("read_device_id", read_device_id, BadDeviceId, "B8:27:EB:BA:03:87", "b827ebba0387"),
    of_text("read_address", read_address, BadName, "cloud.example.com:8883", "192.0.2.7"),
    of_text("parse_broker_url", parse_broker_url, ValueError, *_BROKER_URLS),
    of_text("parse_database_url", _database_url, ValueError, *_DATABASE_URLS),
    of_text("shown_address", shown_address, None, *_CLAIMS),
    of_text("scanned_address", lambda url: scanned_address(url, CODE), None, *_CLAIMS),
    of_text("parse_level", parse_level, ValueError, "debug", " INFO "),
    of_text("sources.client", sources.client, ValueError, "192.0.2.7", "2001:db8::1%eth0", "::ffff:1.2.3.4"),
    of_text(
        "history --since",
        lambda text: Instant().convert(text, None, None),
        click.BadParameter,
        "2026-11-23",
        "2026-11-23T12:00+14:00",
    ),
    of_settings("cloud.settings", read_settings, BadSettings, _CLOUD_SETTINGS),
    of_settings(
        "lamp_ui.settings", lambda values: read_config(values, lambda: "0" * 12), BadSettings, _SCREEN_SETTINGS
    ),
)
