"""A real PostgreSQL server for tests, from the distribution's packages."""

import os
import shutil
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg

from cloud.db.database import connect_database
from cloud.db.schema import upgrade
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS, wait_until

_MIGRATED = "migrated"
_SERVER_USER = "postgres"
"""Who runs the server where we are root, whom PostgreSQL refuses; the distribution's package makes this user."""


def _program(name: str) -> str:
    places = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), key=lambda path: float(path.parts[4]))
    found = str(places[-1]) if places else shutil.which(name)
    assert found, f"PostgreSQL's {name} is not on this machine; 'make test' installs it"
    return found


class Postgres:
    """A server in a folder, on a free loopback port, that can be killed and started again."""

    def __init__(self, folder: Path, *, durable: bool = False) -> None:
        """``durable``: commits reach the disk; tests kill the server, not the machine, and can do without."""
        self.folder = folder
        self._fsync = "on" if durable else "off"
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._made: list[str] = []
        self._has_migrated = False
        self._as_user = ["setpriv", f"--reuid={_SERVER_USER}", f"--regid={_SERVER_USER}", "--clear-groups"]
        if os.geteuid() != 0:
            self._as_user = []

    def start(self) -> Self:
        """Start the server, and make its store the first time."""
        store = self.folder / "store"
        if not store.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            if self._as_user:
                shutil.chown(self.folder, _SERVER_USER)
            self._run(_program("initdb"), "-D", store, "-U", "lampi", "--auth=trust", "--no-sync", "-E", "UTF8")
        settings: list[str | Path] = [
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-k",
            self.folder,
            "-c",
            "max_connections=300",
        ]
        settings += ["-c", f"fsync={self._fsync}"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*self._as_user, _program("postgres"), "-D", store, *settings], stdout=log, stderr=log, cwd="/"
            )
        wait_until(self._answers, "PostgreSQL to answer")
        return self

    def make_database(self) -> str:
        """Return the URL of a new empty database."""
        return self._make("template1")

    def make_migrated_database(self) -> str:
        """Return the URL of a new database with this release's tables: a copy takes a tenth of making them."""
        if not self._has_migrated:
            self._create(_MIGRATED, "template1")
            made = connect_database(self._url(_MIGRATED), create=True)
            upgrade(made)
            made.close()
            self._has_migrated = True
        return self._make(_MIGRATED)

    def _make(self, template: str) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"  # not like a code, in a log
        self._create(name, template)
        self._made.append(name)
        return self._url(name)

    def _create(self, name: str, template: str) -> None:
        with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")

    def drop_databases(self) -> None:
        """Drop the databases that were made here, whoever is connected: each takes some megabytes."""
        if self._made:
            with psycopg.connect(self._url("postgres"), autocommit=True) as connection:
                while self._made:
                    connection.execute(f"DROP DATABASE {self._made.pop()} WITH (FORCE)")

    def stop(self) -> None:
        """End it in good order."""
        if self._process is not None:
            self._process.send_signal(2)  # "fast": doesn't wait for clients
            self._process.wait(DEADLINE_SECONDS)
            self._process = None

    def kill(self) -> None:
        """End it as a power cut does: its own processes die with it."""
        if self._process is not None:
            self._process.send_signal(3)  # "immediate": no clean-up, recovery at the next start
            self._process.wait(DEADLINE_SECONDS)
            self._process = None

    def _url(self, name: str) -> str:
        return f"postgresql://lampi@127.0.0.1:{self.port}/{name}"

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "server.log").read_text()
        try:
            psycopg.connect(self._url("postgres"), connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _run(self, *command: str | os.PathLike[str]) -> None:
        done = subprocess.run([*self._as_user, *command], cwd="/", capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


@contextmanager
def running_server() -> Iterator[Postgres]:
    """Give a running server in a folder of its own.

    Not under pytest's folder, which only its owner may enter: the server runs as another user where we are root. In
    memory where that can be had: each database that a test makes is a copy of thousands of pages.
    """
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="lampi-postgres-", dir=memory) as folder:
        Path(folder).chmod(0o755)
        with Postgres(Path(folder) / "server") as server:
            yield server
