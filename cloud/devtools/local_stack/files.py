"""The shipped configuration files adapted to one folder and loopback ports."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from cloud.ops.deploy.broker_plugin import PLUGIN
from cloud.ops.deploy.package_files import CLOUD_BROKER, filled_in
from cloud.ops.provisioning.authorities import Authorities
from cloud.ops.provisioning.broker_files import MOSQUITTO_FOLDER, write_broker_files
from cloud.ops.provisioning.provision import Order, provision

SUPERVISOR_CONFIGURATION = Path(__file__).with_name("supervisord.conf")
HOST = "127.0.0.1"


@dataclass(frozen=True)
class BrokerPorts:
    """The cloud broker's listeners: tests (no authentication), lamps, and the cloud's programs."""

    tests: int
    lamps: int
    programs: int


def broker_place(folder: Path, user: str) -> str:
    """Return configuration lines for a Mosquitto with a store of its own, as in the distribution's configuration.

    ``user`` is the user who starts it: started by root, Mosquitto would otherwise switch to a user without write
    access.
    """
    return f"user {user}\npersistence true\npersistence_location {folder}/\nlog_dest stderr\n"


def cloud_broker(folder: Path, user: str, ports: BrokerPorts, *, tests: bool = True, plugin: Path | None = None) -> str:
    """Return the shipped broker configuration; with ``tests``, its test listener is enabled.

    Without ``plugin``, the compiled plugin, its lines are left out, so that `make run` needs no compiler.
    """
    values = {
        str(MOSQUITTO_FOLDER): str(folder / "lampi"),
        "listener 8883": f"listener {ports.lamps} {HOST}",
        "listener 8884 127.0.0.1": f"listener {ports.programs} {HOST}",
    }
    if tests:
        values |= {"#listener 1883 127.0.0.1": f"listener {ports.tests} {HOST}"}
    if plugin is not None:
        values |= {str(PLUGIN): str(plugin), "plugin_opt_port 8883": f"plugin_opt_port {ports.lamps}"}
    text = filled_in(CLOUD_BROKER, values)
    if plugin is None:
        text = "".join(line for line in text.splitlines(keepends=True) if not line.startswith("plugin"))
    return broker_place(folder, user) + text


def make_authorities(folder: Path, broker_folder: Path, user: str, now: datetime) -> Authorities:
    """Return the authorities in a folder, creating them if missing, and issue the broker's certificate.

    ``user`` is the user that the broker runs as.
    """
    authorities = Authorities(folder) if folder.exists() else Authorities.create(folder, now)
    write_broker_files(authorities, [HOST], broker_folder / "lampi", now, user)
    return authorities


def lamp_broker(folder: Path, user: str, port: int, lamp_folder: Path) -> str:
    """Return a lamp's broker configuration, with the bridge from its bundle, on a loopback port."""
    pi = lamp_folder / "etc" / "mosquitto"
    bridge = filled_in(pi / "conf.d" / "lampi-bridge.conf", {str(MOSQUITTO_FOLDER): str(pi / "lampi")})
    return broker_place(folder, user) + f"listener {port} {HOST}\nallow_anonymous true\n" + bridge


def provision_lamp(
    authorities: Authorities, device_id: str, lamps: Path, cloud_port: int, now: datetime, *, stock: bool = False
) -> Path:
    """Provision a lamp for the broker on a loopback port; return its bundle's folder."""
    for _ in provision(authorities, [device_id], Order(lamps, f"{HOST}:{cloud_port}", stock=stock), now):
        pass
    return lamps / device_id
