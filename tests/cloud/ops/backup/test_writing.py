"""Backing up: the file, for both kinds of database."""

import errno
import os
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from unittest.mock import Mock

import peewee
import pytest

from cloud.db.database import open_database, write_transaction
from cloud.errors import UnusableBackup
from cloud.ops.backup import back_up
from cloud.ops.backup.files import new_file
from cloud.ops.health import Limits, check_database
from cloud.services.statistics import read_statistics
from cloud.store import backups
from cloud.store.lamps import Lampi
from tests.cloud.conftest import NOW
from tests.cloud.ops.backup.conftest import mode, run
from tests.support.postgres import Postgres

PASSWORD = "correct horse"


def _write_new_file(file: Path, write: Callable[[Path], None]) -> None:
    with new_file(file) as place:
        write(place)


def test_a_backup_is_for_its_owner_alone_and_says_its_size(
    lampi: Lampi, database_url: str, file: Path, umask: Callable[[int], object]
) -> None:
    umask(0)
    done = run("backup", str(file), url=database_url)
    assert done.exit_code == 0, done.output
    assert f"({file.stat().st_size:,} bytes, verified)" in done.output
    assert mode(file) == 0o600
    assert os.listdir(file.parent) == [file.name]


def test_a_file_that_is_there_is_left_alone(lampi: Lampi, database_url: str, file: Path) -> None:
    file.write_text("a letter")
    refused = run("backup", str(file), url=database_url)
    assert (refused.exit_code, "already exists; give another name" in refused.stderr) == (1, True)
    assert file.read_text() == "a letter"


def test_a_link_is_not_followed_wherever_it_leads(lampi: Lampi, database_url: str, file: Path, tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("a letter")
    for target in (tmp_path / "letter", tmp_path / "nothing"):
        file.symlink_to(target)
        refused = run("backup", str(file), url=database_url)
        assert (refused.exit_code, "already exists; give another name" in refused.stderr) == (1, True)
        file.unlink()
    assert (tmp_path / "letter").read_text() == "a letter"
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("has_hard_links", [True, False])
def test_a_file_that_comes_meanwhile_is_left_alone(
    file: Path, monkeypatch: pytest.MonkeyPatch, has_hard_links: bool
) -> None:
    if not has_hard_links:
        monkeypatch.setattr(os, "link", Mock(side_effect=OSError(errno.EPERM, os.strerror(errno.EPERM))))

    def write(place: Path) -> None:
        place.write_text("a backup")
        file.write_text("a letter")

    with pytest.raises(UnusableBackup, match="created meanwhile"):
        _write_new_file(file, write)
    assert file.read_text() == "a letter"
    assert os.listdir(file.parent) == [file.name]


@pytest.mark.parametrize("path", ["nowhere/lampi.backup", "backups/x/y"])
def test_an_unwritable_folder_is_reported(lampi: Lampi, database_url: str, file: Path, path: str) -> None:
    target = file.parent.parent / path
    refused = run("backup", str(target), url=database_url)
    assert (refused.exit_code, f"Can't write {target}: No such file" in refused.stderr) == (1, True)


def test_every_backup_during_writes_is_consistent(sqlite_database: peewee.Database, tmp_path: Path) -> None:
    url = f"sqlite:///{sqlite_database.database}"
    program = (
        "import itertools, sys\n"
        "from cloud.db.database import open_database\nfrom cloud.db.timestamps import utc_now\n"
        "from cloud.services.lamps import register_lamps\n"
        f"open_database({url!r})\nprint('writing', flush=True)\n"
        "for number in itertools.count(): register_lamps([f'{number:012x}'], utc_now())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "writing\n"
        counts = []
        try:
            for number in range(5):
                back_up(url, tmp_path / f"{number}.backup", NOW)
                with closing(sqlite3.connect(tmp_path / f"{number}.backup")) as copied:
                    (lamps,), (version,), (pending,) = (
                        copied.execute(f"SELECT {what}").fetchone()
                        for what in (
                            "COUNT(*) FROM lampi",
                            "last_version FROM outbox_sequence",
                            "COUNT(*) FROM outbox_message",
                        )
                    )
                assert lamps == version == pending
                counts.append(lamps)
        finally:
            writer.kill()
    assert counts == sorted(counts)
    assert counts[-1] > counts[0]


def test_a_password_is_on_no_command_line(
    lampi: Lampi, postgres: Postgres, tmp_path: Path, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("pg_dump", "pg_restore"):
        (tools / tool).write_text(
            f'#!/bin/sh\necho "$0 $*" >>{tmp_path}/lines\necho "$PGPASSWORD" >>{tmp_path}/given\n'
        )
        (tools / tool).chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=":")
    quoted = PASSWORD.replace(" ", "%20")
    url = postgres.make_database().replace("lampi@", f"lampi:{quoted}@")
    done = run("backup", str(file), url=url)
    assert done.exit_code == 0, done.output
    lines = (tmp_path / "lines").read_text()
    assert "pg_dump --dbname=user=lampi dbname=" in lines
    assert (tmp_path / "given").read_text().splitlines()[0] == PASSWORD
    for secret in (PASSWORD, quoted):
        assert secret not in lines + done.output


def test_missing_tools_are_named(lampi: Lampi, postgres: Postgres, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url = postgres.make_database()
    monkeypatch.setenv("PATH", str(file.parent))
    refused = run("backup", str(file), url=url)
    assert (refused.exit_code, "pg_dump is not installed: sudo apt install" in refused.stderr) == (1, True)


def test_a_new_database_is_for_its_owner_alone(tmp_path: Path, umask: Callable[[int], object]) -> None:
    umask(0)
    database = open_database(f"sqlite:///{tmp_path}/new.db", create=True)
    database.execute_sql("CREATE TABLE schema_migration (x)")
    modes = {path.name: mode(path) for path in tmp_path.glob("new.db*")}
    assert modes == dict.fromkeys(["new.db", "new.db-wal", "new.db-shm"], 0o600)
    with write_transaction(database):
        database.execute_sql("INSERT INTO schema_migration VALUES (1)")
    before = (tmp_path / "new.db").stat().st_mtime_ns
    open_database(f"sqlite:///{tmp_path}/new.db")
    assert (tmp_path / "new.db").stat().st_mtime_ns == before


def test_status_says_when_the_last_good_backup_was(lampi: Lampi, database_url: str, file: Path) -> None:
    assert read_statistics(NOW).backed_up_at is None
    back_up(database_url, file, NOW)
    open_database(database_url)
    assert read_statistics(NOW).backed_up_at == NOW
    checks = check_database(read_statistics(NOW), Limits(30, 300, 0))
    assert "last backup: 2026-11-23 12:00 UTC" in [check.text for check in checks]
    with pytest.raises(UnusableBackup):
        back_up(database_url, file, NOW + timedelta(days=1))
    assert read_statistics(NOW).backed_up_at == NOW


def test_backup_says_when_the_last_good_one_was_also_when_it_fails(lampi: Lampi, database_url: str, file: Path) -> None:
    first = run("backup", str(file), url=database_url)
    assert first.output.endswith(" bytes, verified).\n")
    open_database(database_url)
    backups.record(NOW)
    said = " The last good backup before this was made on 2026-11-23 12:00 UTC.\n"
    refused = run("backup", str(file), url=database_url)
    assert (refused.exit_code, refused.stderr.endswith(f"give another name.{said}")) == (1, True)
    again = run("backup", f"{file}.again", url=database_url)
    assert (again.exit_code, again.output.endswith(f" bytes, verified).{said}")) == (0, True)


@pytest.mark.parametrize("answer", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_disk_without_hard_links_will_do(
    lampi: Lampi, database_url: str, file: Path, monkeypatch: pytest.MonkeyPatch, answer: int
) -> None:
    """As vfat and some network mounts; such disks often can't sync folders either."""
    really_sync = os.fsync

    def refuse(*_: object) -> None:
        raise OSError(answer, os.strerror(answer))

    def sync(handle: int) -> None:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        really_sync(handle)

    monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(os, "fsync", sync)
    size = back_up(database_url, file, NOW)
    assert (file.stat().st_size, stat.S_IMODE(file.stat().st_mode)) == (size, 0o600)
    assert [each.name for each in file.parent.iterdir()] == [file.name]
    with pytest.raises(UnusableBackup, match="already exists"):
        back_up(database_url, file, NOW)
