"""Rivals for the same lamp: a process with a thread and a database connection for each.

As a program: says "ready", waits for a line on standard input, lets all its threads go at once, and
prints what became of each as JSON.
"""

import json
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable

from cloud.db.database import open_database
from cloud.db.timestamps import utc_now
from cloud.errors import UserError
from cloud.services import claiming
from cloud.store.lamps import User
from tests.support.cloud import Cloud

VERBS: dict[str, Callable[[str, User], object]] = {
    "code": lambda code, user: claiming.associate_by_code(code, user, utc_now()),
    "device-id": lambda device_id, user: claiming.associate_by_device_id(device_id, user, utc_now()),
    "release": lambda device_id, _user: claiming.release(device_id, utc_now()),
}
WON = "won"


def start_rivals(cloud: Cloud, verb: str, what: str, user: str, threads: int) -> subprocess.Popen[str]:
    """Start a process of rivals and return it once they are ready."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.rivals", cloud.database_url, verb, what, user, str(threads)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def let_go(processes: list[subprocess.Popen[str]]) -> Counter[str]:
    """Have all rivals try at once; return how often each outcome came."""
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    outcomes: Counter[str] = Counter()
    for process in processes:
        said, _ = process.communicate(timeout=60)
        outcomes.update(json.loads(said))
    return outcomes


def _main(url: str, verb: str, what: str, user_name: str, threads_text: str) -> None:
    threads = int(threads_text)
    database = open_database(url)
    user = claiming.user_named(user_name)
    barrier = threading.Barrier(threads + 1)
    outcomes: list[str] = []

    def compete() -> None:
        database.connect(reuse_if_open=True)
        barrier.wait()
        try:
            VERBS[verb](what, user)
        except UserError as refusal:
            outcomes.append(str(refusal))
        except Exception as fault:
            outcomes.append(f"{type(fault).__name__}: {fault}")
        else:
            outcomes.append(WON)
        database.close()

    competing = [threading.Thread(target=compete) for _ in range(threads)]
    for thread in competing:
        thread.start()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    barrier.wait()
    for thread in competing:
        thread.join()
    sys.stdout.write(json.dumps(outcomes))


if __name__ == "__main__":
    _main(*sys.argv[1:])
