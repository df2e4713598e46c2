"""Package resources: the shipped configuration files and their placeholders."""

from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
CLOUD_BROKER = PROJECT / "cloud" / "deploy" / "mosquitto.conf"
BROKER_RULES = PROJECT / "cloud" / "deploy" / "lampi.acl"
BROKER_PASSWORDS = PROJECT / "cloud" / "deploy" / "passwords"
DAEMON_PROGRAM = PROJECT / "cloud" / "deploy" / "lampi-daemon.conf"
WEB_PROGRAM = PROJECT / "cloud" / "deploy" / "lampi-web.conf"
NGINX = PROJECT / "cloud" / "deploy" / "nginx.conf"
WEB_UNIT = PROJECT / "cloud" / "deploy" / "lampi-web.service"
DAEMON_UNIT = PROJECT / "cloud" / "deploy" / "lampi-daemon.service"
SETTINGS = PROJECT / "cloud" / "deploy" / "lampi.env"
COMMAND = PROJECT / "cloud" / "deploy" / "lampi-cloud.sh"
LOG_ROTATION = PROJECT / "cloud" / "deploy" / "lampi.logrotate"
LAMP_BRIDGE = PROJECT / "lamp_ui" / "deploy" / "mosquitto-bridge.conf"


def filled_in(file: Path, values: Mapping[str, str]) -> str:
    """Return a shipped file's text with these strings replaced.

    Raises:
        KeyError: the file does not contain one of them.
    """
    text = file.read_text(encoding="utf-8")
    for shipped, ours in values.items():
        if shipped not in text:
            raise KeyError(f"{file.name} does not contain {shipped!r}")
        text = text.replace(shipped, ours)
    return text
