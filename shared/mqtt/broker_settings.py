"""Settings for the broker's address and credentials, the same for all programs."""

from dataclasses import replace
from pathlib import Path

from shared.mqtt.broker_url import BrokerUrl, parse_broker_url
from shared.mqtt.tls import BadTlsFile, TlsFiles
from shared.settings import SettingsReader

BROKER_URL = "LAMPI_BROKER_URL"
CA = "LAMPI_BROKER_CA"
CERTIFICATE = "LAMPI_BROKER_CERTIFICATE"
KEY = "LAMPI_BROKER_KEY"
TLS_FILES = {"ca": CA, "certificate": CERTIFICATE, "key": KEY}
"""The setting of each file in `TlsFiles`."""


def read_broker(settings: SettingsReader, default: BrokerUrl) -> BrokerUrl:
    """Return the broker with its TLS files, which are opened once here to check them."""
    broker = settings.read(BROKER_URL, parse_broker_url, default)
    files = TlsFiles(*(settings.read(name, _path, None) for name in TLS_FILES.values()))
    if files == TlsFiles() and not broker.tls:
        return broker
    if not broker.tls:
        for which, name in TLS_FILES.items():
            if getattr(files, which) is not None:
                settings.refuse(name, f"is for TLS, but {BROKER_URL} does not begin with mqtts://")
    elif (files.certificate is None) != (files.key is None):
        given, missing = (CERTIFICATE, KEY) if files.key is None else (KEY, CERTIFICATE)
        settings.refuse(given, f"requires {missing}")
    else:
        try:
            files.context()
        except BadTlsFile as fault:
            settings.refuse(TLS_FILES[fault.which], f"{getattr(files, fault.which)} {fault}")
    return replace(broker, tls_files=files)


def _path(text: str) -> Path | None:
    return Path(text) if text else None
