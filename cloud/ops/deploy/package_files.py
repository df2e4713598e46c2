"""Package resources: the shipped configuration files and their placeholders."""

from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[3]
_HERE = PROJECT / "cloud" / "ops" / "deploy"
CLOUD_BROKER = _HERE / "mosquitto.conf"
BROKER_RULES = _HERE / "lampi.acl"
BROKER_PASSWORDS = _HERE / "passwords"
BROKER_UNIT_LIMITS = _HERE / "mosquitto.service.conf"
LAMP_LIMITS = _HERE / "lamp_limits"
DAEMON_PROGRAM = _HERE / "lampi-daemon.conf"
WEB_PROGRAM = _HERE / "lampi-web.conf"
NGINX = _HERE / "nginx.conf"
UNAVAILABLE_PAGE = _HERE / "unavailable.html"
WEB_UNIT = _HERE / "lampi-web.service"
DAEMON_UNIT = _HERE / "lampi-daemon.service"
SETTINGS = _HERE / "lampi.env"
COMMAND = _HERE / "lampi-cloud.sh"
LOG_ROTATION = _HERE / "lampi.logrotate"
ALERTS = _HERE / "lampi-alerts.yml"
DASHBOARD = _HERE / "lampi-dashboard.json"
LAMP_BRIDGE = PROJECT / "lamp_ui" / "deploy" / "mosquitto-bridge.conf"


def filled_in(file: Path, values: Mapping[str, str]) -> str:
    """Return a shipped file's text, with the keys of ``values`` replaced by their values.

    Raises:
        KeyError: the file does not contain one of them.
    """
    text = file.read_text(encoding="utf-8")
    for shipped, ours in values.items():
        if shipped not in text:
            raise KeyError(f"{file.name} does not contain {shipped!r}")
        text = text.replace(shipped, ours)
    return text
