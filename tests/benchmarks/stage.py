"""A cloud to measure: the shipped broker configuration, a database on disk, and the daemon in a process of its own."""

import contextlib
import itertools
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from cloud.db import bulk
from cloud.db.database import database_proxy, open_database, write_transaction
from cloud.db.schema import upgrade
from cloud.db.timestamps import utc_now
from cloud.db.url import sqlite_file
from cloud.services.claiming import add_user
from cloud.store import outbox
from cloud.store.lamps import Lampi
from cloud.store.outbox import OutboxSequence
from shared.protocol import topics
from shared.protocol.payloads import HighWaterMark
from tests.benchmarks.wire import Wire, publish_packet
from tests.support.bridge import CloudBroker
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud, DaemonProcess
from tests.support.ports import free_port
from tests.support.postgres import Postgres

PATIENCE_SECONDS = 600.0
_LOOK_AGAIN_SECONDS = 0.05
_ROWS_AT_ONCE = 50_000
_SCATTER = 0x9E3779B1
"""Odd, so that no two lamps get the same short code of eight characters, and neighbours get distant ones."""
_folders = itertools.count()


class Stage:
    """A folder on disk and the servers started in it; `postgres` is started on first use."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._postgres: Postgres | None = None
        self._filled: dict[tuple[str, int, bool], str] = {}

    def new_folder(self) -> Path:
        """Return a new folder."""
        made = self.folder / str(next(_folders))
        made.mkdir()
        return made

    def broker(self) -> Mosquitto:
        """Return the cloud's broker as it ships, not yet started; it is spoken to on its listener without TLS."""
        return CloudBroker(self.new_folder())

    def open_handed_broker(self) -> Mosquitto:
        """Return one that takes any number of messages in flight; others confirm what they lose, or confirm nothing."""
        port = free_port()
        config = f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 0\nmax_queued_messages 0\n"
        return Mosquitto(self.new_folder(), port, config)

    def database(self, kind: str) -> str:
        """Return the URL of a new database of this release, `sqlite` or `postgresql`."""
        url = f"sqlite:///{self.new_folder() / 'lampi.db'}" if kind == "sqlite" else self.postgres.make_database()
        with opened(url):
            upgrade(database_proxy.obj)
        return url

    @property
    def postgres(self) -> Postgres:
        """The server, which forces its commits to the disk as a server does by default."""
        if self._postgres is None:
            self._postgres = Postgres(self.new_folder() / "server", durable=True).start()
        return self._postgres

    def filled(self, kind: str, lamps: int, owned: bool = False) -> str:
        """Return the URL of a database that knows so many lamps, all of them told; the same one for the same number."""
        if (kind, lamps, owned) not in self._filled:
            url = self.database(kind)
            with opened(url):
                fill(lamps, utc_now(), owned=owned)
                if kind == "postgresql":
                    database_proxy.execute_sql("ANALYZE")  # as its autovacuum does before long
            self._filled[kind, lamps, owned] = url
        return self._filled[kind, lamps, owned]

    def close(self) -> None:
        """End what was started."""
        if self._postgres is not None:
            self._postgres.stop()


@contextlib.contextmanager
def stage(parent: Path | None) -> Iterator[Stage]:
    """Set up a folder on the disk, and clear it away in the end."""
    folder = Path(tempfile.mkdtemp(prefix="lampi-benchmarks-", dir=parent))
    folder.chmod(0o755)  # PostgreSQL runs as another user where we are root
    made = Stage(folder)
    try:
        yield made
    finally:
        made.close()
        shutil.rmtree(folder)


@contextlib.contextmanager
def opened(url: str) -> Iterator[None]:
    """Open a database in this process: another process than the daemon's, as the command line is."""
    database = open_database(url, create=True)
    try:
        yield
    finally:
        database.close()


def device_id(number: int) -> str:
    """Return a lamp's id."""
    return f"b8{number:010x}"


def presence(numbers: Iterable[int], payload: bytes = b"1", *, retain: bool = False, suffix: str = "") -> list[bytes]:
    """Return the packets in which lamps' bridges say that they are there; stock ones have names with a suffix."""
    return [
        publish_packet(f"$SYS/broker/connection/{device_id(number)}{suffix}/state", payload, retain=retain)
        for number in numbers
    ]


def retain_presence(broker: Mosquitto, numbers: Iterable[int]) -> None:
    """Have the broker retain lamps' states."""
    with Wire(broker.port, "retaining") as wire:
        wire.send(b"".join(presence(numbers, retain=True)))
        wire.settle()


def retain_mark(broker: Mosquitto) -> None:
    """Have the broker retain that it has all that the open database ever said; else the daemon says it all again."""
    mark = HighWaterMark(outbox.origin(), outbox.last_version())
    broker.publish(topics.HIGH_WATER_MARK, mark.encode(), qos=2, retain=True)


def fill(lamps: int, issued_at: datetime, *, owned: bool = False) -> None:
    """Insert lamps into the open database as long-known ones: connected, published, confirmed."""
    alike: dict[str, object] = {"connected": True, "created_at": issued_at, "code_issued_at": issued_at}
    alike["short_code_length"] = 8
    if owned:
        alike |= {"user": add_user("owner").id, "associated_at": issued_at}
    for first in range(0, lamps, _ROWS_AT_ONCE):
        numbers = range(first, min(first + _ROWS_AT_ONCE, lamps))
        with write_transaction():
            rows = [
                (device_id(number), f"{number * _SCATTER % 2**32:08x}{number:024x}", number + 1) for number in numbers
            ]
            bulk.insert(Lampi, ("device_id", "association_code", "message_version"), rows, alike=alike)
    with write_transaction():
        OutboxSequence.update(last_version=lamps).execute()


class Watch:
    """Polls the open database for the daemon's progress, cheaply."""

    def __init__(self) -> None:
        self._first = outbox.last_version()

    def published(self) -> int:
        """Return how many messages have been enqueued and confirmed since this watch was made, counted from below."""
        return outbox.confirmed_up_to() - self._first

    def wait_for(self, count: int) -> None:
        """Return when so many messages have been confirmed."""
        wait_for(lambda: self.published() >= count, f"{count} messages to be confirmed")


def wait_for(look: Callable[[], bool], what: str) -> None:
    """Look until it is so."""
    pause, end = threading.Event(), time.monotonic() + PATIENCE_SECONDS
    while not look():
        assert time.monotonic() < end, f"waited too long for {what}"
        pause.wait(_LOOK_AGAIN_SECONDS)


def daemon(stage_: Stage, broker: Mosquitto, url: str, code_ttl: timedelta | None = None) -> DaemonProcess:
    """Return the daemon, not yet started."""
    seconds = 0 if code_ttl is None else round(code_ttl.total_seconds())
    return Cloud(stage_.new_folder(), broker.port, url).daemon("daemon", "--migrate", "--code-ttl", str(seconds))


def size_megabytes(url: str) -> float:
    """Return what a SQLite database and its log take on the disk."""
    file = sqlite_file(url)
    assert file is not None
    return sum(path.stat().st_size for path in file.parent.glob(f"{file.name}*")) / 2**20
