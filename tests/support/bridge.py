"""Two brokers with the configurations that ship: the cloud's, and a lamp's with its bridge."""

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cloud.db.timestamps import utc_now
from cloud.devtools.local_stack import files
from cloud.ops.deploy.broker_plugin import PLUGIN, compiled
from cloud.store.lamps import Lampi
from tests.support.broker import Mosquitto
from tests.support.loop import USER, made_cloud, opened_database
from tests.support.ports import free_port
from tests.support.waiting import wait_until


class CloudBroker(Mosquitto):
    """The cloud's Mosquitto as it ships, with authorities of its own, by default with the listener for tests.

    Without ``limits`` it has the access rules alone, not the plugin.
    """

    def __init__(self, folder: Path, *, tests: bool = True, user: str | None = None, limits: bool = True) -> None:
        user = user or getpass.getuser()
        self.ports = files.BrokerPorts(free_port(), free_port(), free_port())
        self.authorities = files.make_authorities(folder / "ca", folder, user, utc_now())
        plugin = _compiled_into(folder) if limits else None
        config = files.cloud_broker(folder, user, self.ports, tests=tests, plugin=plugin)
        super().__init__(folder, self.ports.tests if tests else self.ports.programs, whole_config=config)

    def provision(self, device_id: str, *, stock: bool = False) -> Path:
        """Return the folder of a lamp, made if it is not there."""
        lamps = self.folder / "lamps"
        return files.provision_lamp(self.authorities, device_id, lamps, self.ports.lamps, utc_now(), stock=stock)


def _compiled_into(folder: Path) -> Path:
    plugin = folder / PLUGIN.name
    plugin.write_bytes(compiled())
    plugin.chmod(0o755)
    return plugin


def lamp_broker(folder: Path, device_id: str, cloud: CloudBroker, *, stock: bool = False) -> Mosquitto:
    """Return a lamp's Mosquitto with its provisioned bridge, not yet started."""
    port = free_port()
    config = files.lamp_broker(folder, getpass.getuser(), port, cloud.provision(device_id, stock=stock))
    return Mosquitto(folder, port, whole_config=config)


class Bridged:
    """The cloud with its broker and daemon, and one lamp's broker with its bridge, not yet switched on.

    The bridge of a ``stock`` lamp strips the prefix.
    """

    def __init__(self, folder: Path, device_id: str, *, stock: bool = False) -> None:
        self.device_id = device_id
        self.at_cloud = CloudBroker(folder / "cloud-broker")
        self.at_lamp = lamp_broker(folder / "lamp-broker", device_id, self.at_cloud, stock=stock)
        self.cloud = made_cloud(folder / "cloud", self.at_cloud.port)
        self.daemon = self.cloud.daemon()

    @contextmanager
    def running(self) -> Iterator["Bridged"]:
        with self.at_cloud, self.daemon, self.at_lamp:
            yield self

    def associate(self, code: str) -> None:
        self.cloud.command("associate", code[:6], "--user", USER)

    def wait_until_connected(self, up: bool) -> None:
        def as_awaited() -> bool:
            with opened_database(self.cloud):
                known = Lampi.get_or_none(Lampi.device_id == self.device_id)
                return known is not None and bool(known.connected) is up

        wait_until(as_awaited, f"the lamp's bridge to be {'up' if up else 'down'} in the database")
