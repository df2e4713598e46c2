"""Rival processes as the harness sees them: orders go in, outcomes come out, also of those that died midway."""

import json
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.soak.model import OK, REFUSED, UNKNOWN, Outcome

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Order:
    """One call of a service, and who receives its outcome."""

    verb: str
    device_id: str
    user: str | None
    code: str | None
    tell: Callable[[Outcome], None]
    details: Mapping[str, float] = field(default_factory=dict)

    def outcome(self, result: str, reason: str | None, device_id: str | None, offer: str | None = None) -> Outcome:
        return Outcome(self.verb, self.user, self.code, result, reason, device_id, offer)

    def line(self) -> str:
        members = {"verb": self.verb, "device_id": self.device_id, "user": self.user, "code": self.code, **self.details}
        return json.dumps(members) + "\n"


class Rival:
    """One process; a new one takes its place when it dies."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], log: Path) -> None:
        self._command = command
        self._environment = environment
        self._log = log
        self._lock = threading.Lock()
        self._waiting: deque[Order] = deque()
        self._stopping = False
        self._process = self._start()

    def give(self, *orders: Order) -> None:
        """Have these done, one after the other."""
        with self._lock:
            self._waiting.extend(orders)
            process = self._process
            try:
                assert process.stdin is not None
                process.stdin.write("".join(order.line() for order in orders))
                process.stdin.flush()
            except OSError:
                return  # it is dead: whoever reads its answers sees that, and says so of these orders, too

    @property
    def busy(self) -> bool:
        """True while it has something to do."""
        return bool(self._waiting)

    def kill(self) -> None:
        """End it as a crash does, whatever it is doing."""
        self._process.kill()

    def stop(self) -> None:
        self._stopping = True
        self._process.kill()
        self._process.wait()

    def _start(self) -> subprocess.Popen[str]:
        with self._log.open("a") as log:
            process = subprocess.Popen(
                self._command,
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        threading.Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                break  # killed in the middle of its answer
            answer = json.loads(line)
            with self._lock:
                order = self._waiting.popleft()
            order.tell(order.outcome(answer["result"], answer["reason"], answer["device_id"], answer["offer"]))
        process.wait()
        with self._lock:
            lost = list(self._waiting)
            self._waiting.clear()
            if not self._stopping:
                self._process = self._start()
        for order in lost:
            order.tell(order.outcome(UNKNOWN, "the caller died", None))


def run_command(command: Sequence[str], environment: Mapping[str, str], order: Order) -> None:
    """Do what an order says by the real command line, on a thread of its own."""

    def run() -> None:
        words = [*command, "associate", str(order.code), "--user", str(order.user)]
        done = subprocess.run(words, env=environment, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            device_id = order.device_id if order.device_id in done.stdout else done.stdout
            order.tell(order.outcome(OK, None, device_id))
        elif done.returncode == 1 and "No lamp found" in done.stderr:
            order.tell(order.outcome(REFUSED, "UnknownCode", None))
        else:
            order.tell(order.outcome(UNKNOWN, done.stderr, None))

    threading.Thread(target=run, daemon=True).start()
