"""A broker as it ships, two lamps, the daemon's account, and an observer of every topic."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.ops.provisioning.broker_files import write_program_files
from cloud.ops.provisioning.rules import RULES
from tests.support.bridge import CloudBroker
from tests.support.callers import Caller, Pair, trusting

ATTACKER = "b827ebba0001"
VICTIM = "b827ebba0002"


_ALL = "topic readwrite #\ntopic readwrite $SYS/#\ntopic readwrite $CONTROL/#\n"


class Fortress:
    """The shipped broker, its listener for tests switched on for the one who watches.

    The access rules stand alone, without the plugin's limits: they must hold by themselves.

    At that listener, clients without a username may do everything, which is more than as shipped: what the watcher does
    not hear or can't do is impossible for everyone. A lamp that passed for such a client would gain all the more.
    """

    def __init__(self, folder: Path) -> None:
        self.broker = CloudBroker(folder, limits=False)
        rules = folder / "lampi" / RULES
        rules.write_text(_ALL + rules.read_text())
        self.ca = folder / "lampi" / "ca.crt"
        self.programs = folder / "programs"
        write_program_files(self.broker.authorities, "lampi-daemon", self.programs, utc_now())
        self.server = Pair(folder / "lampi" / "server.crt", folder / "lampi" / "server.key")
        self.daemon = Pair(self.programs / "daemon.crt", self.programs / "daemon.key")

    def lamp_pair(self, device_id: str) -> Pair:
        folder = self.broker.provision(device_id) / "etc" / "mosquitto" / "lampi"
        return Pair(folder / "lamp.crt", folder / "lamp.key")

    def lamp(self, device_id: str, **how: object) -> Caller:
        """Return a lamp's own client."""
        return self.at_lamps(self.lamp_pair(device_id), **how)

    def at_lamps(self, pair: Pair | None, **how: object) -> Caller:
        return Caller(self.broker.ports.lamps, trusting(self.ca, pair), **how)  # type: ignore[arg-type]

    def at_programs(self, pair: Pair | None, **how: object) -> Caller:
        return Caller(self.broker.ports.programs, trusting(self.ca, pair), **how)  # type: ignore[arg-type]

    def watcher(self) -> Caller:
        """Return a client that may do everything."""
        return Caller(self.broker.ports.tests)


@pytest.fixture(scope="module")
def fortress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fortress]:
    """Give a running broker as it ships."""
    made = Fortress(tmp_path_factory.mktemp("fortress"))
    with made.broker:
        yield made
