"""Everything that runs during a soak: brokers, databases, daemons, rivals and lamps, started and stopped in order."""

import contextlib
import os
import shutil
import sqlite3
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

from shared.mqtt.broker_url import BrokerUrl
from tests.soak.broken.crash_points import ARMED
from tests.soak.choosy_broker import ChoosyBroker
from tests.soak.facts import Facts
from tests.soak.keeper import Keeper, KeptDaemon, environment_for
from tests.soak.lamp_services import ComingAndGoing
from tests.soak.lamps import LampPool, RealLamps
from tests.soak.model import Model, Violations
from tests.soak.rivals import Rival
from tests.soak.state_ledger import Stalls
from tests.support.cloud import Cloud
from tests.support.postgres import Postgres
from tests.support.proxy import TcpProxy

USERS = ("ada", "bob", "cleo", "dan", "eve", "fay")
RIVALS = 4


class World:
    """One cloud with two daemons, and all its users."""

    def __init__(self, folder: Path, database: str, broken: str | None = None) -> None:
        self.folder = folder
        self.broken = broken
        self.violations = Violations()
        self.model = Model(self.violations)
        self.broker = ChoosyBroker(folder / "broker")
        self.postgres = Postgres(folder / "postgres") if database == "postgresql" else None
        self.stalls = Stalls()
        self._closing = contextlib.ExitStack()

    def start(self) -> Self:
        stack = self._closing
        stack.enter_context(self.broker)
        self.database_url = f"sqlite:///{self.folder / 'lampi.db'}"
        if self.postgres is not None:
            stack.enter_context(self.postgres)
            self.database_url = self.postgres.make_database()
        cloud = Cloud(self.folder, self.broker.port, self.database_url)
        cloud.command("migrate")
        for user in USERS:
            cloud.command("user", "add", user)
        self.environment = self._environment(self.database_url, self.broker.port)
        self.facts = Facts(self.database_url)
        self.facts.watch()
        stack.callback(self.facts.close)
        self.keeper = Keeper([self._daemon(name) for name in ("first", "second")], self.violations)
        self.keeper.start()
        stack.callback(self.keeper.stop)
        self.rivals = [
            Rival(self.program("rival"), self.environment, self.folder / "rivals.log") for _ in range(RIVALS)
        ]
        for rival in self.rivals:
            stack.callback(rival.stop)
        self._start_lamps()
        return self

    def program(self, what: str) -> Sequence[str]:
        """Return the command that runs ``cloud`` or ``rival``, of this build or the broken one."""
        if self.broken:
            return [sys.executable, "-m", "tests.soak.broken", self.broken, what]
        return [sys.executable, "-m", {"cloud": "cloud", "rival": "tests.soak.rival_process"}[what]]

    def set_code_ttl(self, seconds: int) -> None:
        """Have daemons live by this from their next start on."""
        for daemon in self.keeper.daemons:
            daemon.environment["LAMPI_CODE_TTL"] = str(seconds)

    def arm(self, point: str) -> Path:
        """Have the first process that comes to a point end there; return the file that is gone once it has."""
        armed = self.folder / "crash"
        armed.with_suffix(".new").write_text(point)
        armed.with_suffix(".new").rename(armed)
        return armed

    def hold_database(self, until: threading.Event, seconds: float) -> None:
        """Keep SQLite's write lock, from a connection of our own."""
        connection = sqlite3.connect(self.folder / "lampi.db", timeout=5, isolation_level=None)
        try:
            connection.execute("BEGIN IMMEDIATE")
            until.wait(seconds)
            connection.execute("ROLLBACK")
        except sqlite3.OperationalError:
            pass  # another process kept it for longer than we wait
        finally:
            connection.close()

    def _environment(self, database_url: str, broker_port: int) -> dict[str, str]:
        return environment_for(database_url, broker_port) | {ARMED: str(self.folder / "crash")}

    def _daemon(self, name: str) -> KeptDaemon:
        to_broker = self._closing.enter_context(TcpProxy(self.broker.port))
        url, to_database = self.database_url, None
        if self.postgres is not None:
            to_database = self._closing.enter_context(TcpProxy(self.postgres.port))
            url = urlsplit(url)._replace(netloc=f"lampi@127.0.0.1:{to_database.port}").geturl()
        daemon = KeptDaemon(name, self.folder, self.program("cloud"), self._environment(url, to_broker.port))
        daemon.to_broker, daemon.to_database = to_broker, to_database
        return daemon

    def _start_lamps(self) -> None:
        self.pool = LampPool(self.broker.url, self.model.is_up)
        self.pool.start()
        self._closing.callback(self.pool.stop)
        bridge = ComingAndGoing(self.broker.url, self.pool.services.heard)
        bridge.start()
        self._closing.callback(bridge.stop)
        self.lamps_network = self._closing.enter_context(TcpProxy(self.broker.port))
        self.real = RealLamps(BrokerUrl("127.0.0.1", self.lamps_network.port))
        self._closing.callback(self.real.stop)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self._closing.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()


@contextlib.contextmanager
def soak_folder(keep: Path | None = None) -> Iterator[Path]:
    """Give a folder that PostgreSQL's own user may enter, in memory where that can be had.

    It stays where ``keep`` says so, or where the block raises.
    """
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep
        return
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="lampi-soak-", dir=memory))
    folder.chmod(0o755)
    try:
        yield folder
    except BaseException:
        print(f"Logs and stores are in {folder}", file=sys.stderr)  # noqa: T201
        raise
    shutil.rmtree(folder, ignore_errors=True)  # something of PostgreSQL's may go by itself meanwhile
