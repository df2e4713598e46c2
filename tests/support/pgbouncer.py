"""A real pgbouncer in front of a PostgreSQL server, from the distribution's package."""

import os
import shutil
import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

import psycopg

from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS, wait_until

_USER = "postgres"
"""Who runs it where we are root, whom it refuses."""


class PgBouncer:
    """A pooler to one server, in `transaction` or `session` mode, with few connections to the server."""

    def __init__(self, folder: Path, server_url: str, mode: str, connections: int = 3) -> None:
        self.port = free_port()
        self._folder = folder
        self._server = urlsplit(server_url)
        folder.mkdir(parents=True)
        folder.chmod(0o755)
        (folder / "users.txt").write_text('"lampi" ""\n')
        (folder / "pgbouncer.ini").write_text(
            f"[databases]\n* = host=127.0.0.1 port={self._server.port} user=lampi\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {folder}/users.txt\npool_mode = {mode}\n"
            f"default_pool_size = {connections}\nmax_client_conn = 200\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The database's URL through the pooler."""
        return f"postgresql://lampi@127.0.0.1:{self.port}{self._server.path}"

    def __enter__(self) -> Self:
        program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin")
        assert program, "pgbouncer is not on this machine; 'make test' installs it"
        as_user = ["setpriv", f"--reuid={_USER}", f"--regid={_USER}", "--clear-groups"] if os.geteuid() == 0 else []
        with (self._folder / "pgbouncer.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*as_user, program, self._folder / "pgbouncer.ini"], stdout=log, stderr=log, cwd="/"
            )
        wait_until(self._answers, "pgbouncer to answer")
        return self

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self._folder / "pgbouncer.log").read_text()
        try:
            psycopg.connect(self.url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(DEADLINE_SECONDS)
