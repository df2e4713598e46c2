"""The log scan: it finds codes and passwords in every pytest process, and nothing else."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.secrecy import secrets_in, secrets_in_logs

CODE = "b71e09c4" * 4
ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (f"the code {CODE} lapsed", [CODE]),
        ("the code b71e09 lapsed", ["b71e09"]),
        ("code=b71e09c", []),  # begins as one: six characters in a longer word mean nothing
        ("it logs in with secret", ["secret"]),
        ("it logs in secretly", []),
        ("mqtt://me:p%40ss@broker:1883 refuses", ["mqtt://me:p%40ss@"]),
        ("mqtt://me:***@broker:1883 refuses", []),
        ("2026-11-23T12:00:00Z INFO cloud: New lamp b827ebba0387", []),
    ],
)
def test_secrets_are_found_and_nothing_else(text: str, found: list[str]) -> None:
    assert secrets_in(text, {"b71e09"}) == found


def test_files_are_looked_at(tmp_path: Path) -> None:
    folder = tmp_path / "cloud"
    folder.mkdir()
    (folder / "daemon.log.1").write_text(f"the code {CODE} lapsed")
    (folder / "screen.txt").write_text(CODE)
    found = secrets_in_logs(tmp_path)
    (folder / "daemon.log.1").unlink()
    assert [line.rpartition(" ")[2] for line in found] == [CODE]


TESTS = """
import logging
from cloud.store.codes import generate_association_code
from tests.support.log_scan import nothing_secret_is_logged

def test_silent():
    logging.getLogger("cloud").warning("New lamp b827ebba0387")

def test_whole():
    logging.getLogger("cloud").warning("code %s", generate_association_code())

def test_short():
    logging.getLogger("cloud").warning("code %s", generate_association_code()[:6])

def test_traceback():
    try:
        raise ValueError(generate_association_code())
    except ValueError:
        logging.getLogger("cloud").exception("failed")

def test_nobody_listens():
    root = logging.getLogger()
    handlers, root.handlers = root.handlers, []
    logging.getLogger("cloud").error("signs in with %s", "hunter2")
    root.handlers = handlers

def test_file(tmp_path):
    (tmp_path / "daemon.log").write_text("mqtt://me:word@broker")
"""


@pytest.mark.slow
@pytest.mark.parametrize("processes", ["0", "2"])
def test_a_test_that_has_a_secret_logged_fails(tmp_path: Path, processes: str) -> None:
    (tmp_path / "test_leaks.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--tb=no", "-rE", "-n", processes, "--rootdir", tmp_path, tmp_path],
        cwd=ROOT,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
        capture_output=True,
        text=True,
        check=False,
    )
    leaks = ("whole", "short", "traceback", "nobody_listens", "file")
    # Behind the name stands why, unless the line would be too long for the terminal.
    assert set(re.findall(r"^ERROR .*::test_(\w+)", done.stdout, re.MULTILINE)) == set(leaks), done.stdout
    assert f"6 passed, {len(leaks)} errors" in done.stdout
