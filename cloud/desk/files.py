"""The files that ship, with the values of one machine."""

from collections.abc import Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
CLOUD_BROKER = PROJECT / "cloud" / "deploy" / "mosquitto.conf"
DAEMON_PROGRAM = PROJECT / "cloud" / "deploy" / "lampi-daemon.conf"
LAMP_BRIDGE = PROJECT / "lamp_ui" / "deploy" / "mosquitto-bridge.conf"
DESK_SUPERVISOR = PROJECT / "cloud" / "desk" / "supervisord.conf"


def filled_in(file: Path, values: Mapping[str, str]) -> str:
    """Return a shipped file's text with each of the given texts replaced.

    Raises:
        KeyError: the file does not have one of them, so it is not the file that was meant.
    """
    text = file.read_text(encoding="utf-8")
    for shipped, ours in values.items():
        if shipped not in text:
            raise KeyError(f"{file.name} does not have {shipped!r}")
        text = text.replace(shipped, ours)
    return text


def broker_place(folder: Path, user: str) -> str:
    """Return the lines that give a Mosquitto a store of its own, as the distribution's configuration does.

    ``user`` is who starts it: one that root starts would otherwise become somebody who may not write there.
    """
    return f"user {user}\npersistence true\npersistence_location {folder}/\nlog_dest stderr\n"


def cloud_broker(folder: Path, user: str, port: int) -> str:
    """Return the cloud's broker configuration as it ships, on a loopback port."""
    return broker_place(folder, user) + filled_in(CLOUD_BROKER, {"listener 1883": f"listener {port} 127.0.0.1"})


def lamp_broker(folder: Path, user: str, port: int, device_id: str, cloud_port: int) -> str:
    """Return a lamp's broker configuration with the bridge as it ships, on a loopback port."""
    bridge = {"@DEVICE_ID@": device_id, "@CLOUD_ADDRESS@": f"127.0.0.1:{cloud_port}"}
    listener = f"listener {port} 127.0.0.1\nallow_anonymous true\n"
    return broker_place(folder, user) + listener + filled_in(LAMP_BRIDGE, bridge)
