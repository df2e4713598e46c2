"""A clustered MQTT broker: two nodes of Aedes, which know each other through Redis."""

import subprocess
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.broker import listens
from tests.support.ports import free_port
from tests.support.waiting import DEADLINE_SECONDS, wait_until

_PLACE = Path(__file__).parent


class Cluster:
    """Redis and two nodes, each on a loopback port; a message published on one reaches the clients of the other."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._redis_port = free_port()
        self.ports = (free_port(), free_port())
        self._processes: list[subprocess.Popen[bytes]] = []

    def start(self) -> Self:
        assert (_PLACE / "node_modules").is_dir(), "the broker's packages are not here; 'make test' installs them"
        self._folder.mkdir(parents=True)
        self._run("redis-server", "--port", str(self._redis_port), "--bind", "127.0.0.1", "--save", "")
        wait_until(lambda: listens(self._redis_port), "Redis to listen")
        for port in self.ports:
            self._run("node", str(_PLACE / "broker.js"), str(port), str(self._redis_port))
        for port in self.ports:
            wait_until(lambda port=port: listens(port), "a node to listen")  # type: ignore[misc]
        return self

    def _run(self, *command: str) -> None:
        with (self._folder / "cluster.log").open("ab") as log:
            self._processes.append(subprocess.Popen(command, cwd=self._folder, stdout=log, stderr=log))

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
            process.wait(DEADLINE_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
