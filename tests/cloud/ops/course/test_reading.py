"""Reading a course site's database: it stays as it is, and a running site is not disturbed."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from cloud.errors import UnusableCourseSite
from cloud.ops.course.site import read_site
from tests.cloud.ops.course.conftest import Import
from tests.support.course_site import CourseSiteDatabase, SiteLamp, SiteUser
from tests.support.postgres import Postgres

ADA = SiteUser(1, "ada")
LAMP = SiteLamp("b827eb000001", "a1" * 16, 1)


def state_of(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "site"
    made.mkdir()
    return made


@pytest.fixture
def file(folder: Path) -> Path:
    CourseSiteDatabase(folder / "db.sqlite3").add([ADA], [LAMP])
    return folder / "db.sqlite3"


@pytest.fixture
def logging_site(file: Path) -> Iterator[sqlite3.Connection]:
    """Give a site's connection that has committed a second lamp to the write-ahead log only."""
    with closing(sqlite3.connect(file, isolation_level=None)) as site:
        site.execute("PRAGMA journal_mode = WAL")
        site.execute("INSERT INTO lampi_lampi VALUES ('My LAMPI', 'b827eb000002', '2021-01-01', 'b2', NULL)")
        yield site


def test_a_file_is_read_and_not_written(file: Path) -> None:
    before = state_of(file.parent)
    assert [user.name for user in read_site(str(file)).users] == ["ada"]
    assert state_of(file.parent) == before


def test_what_is_in_the_log_only_is_read_and_nothing_is_written(file: Path, logging_site: sqlite3.Connection) -> None:
    before = state_of(file.parent)
    assert f"{file.name}-wal" in before
    assert [lamp.device_id for lamp in read_site(str(file)).lamps] == ["b827eb000001", "b827eb000002"]
    assert state_of(file.parent) == before


def test_the_log_that_a_site_left_when_it_was_killed_is_read(
    file: Path, logging_site: sqlite3.Connection, tmp_path: Path
) -> None:
    left = tmp_path / "left"
    left.mkdir()
    for name in (file.name, f"{file.name}-wal"):
        (left / name).write_bytes((file.parent / name).read_bytes())
    before = state_of(left)
    assert len(read_site(f"sqlite:///{left / file.name}").lamps) == 2
    assert state_of(left) == before


def test_a_link_is_followed_to_the_log_beside_the_file(
    file: Path, logging_site: sqlite3.Connection, tmp_path: Path
) -> None:
    (tmp_path / "link.db").symlink_to(file)
    assert len(read_site(str(tmp_path / "link.db")).lamps) == 2


def test_a_site_that_writes_at_the_moment_is_neither_blocked_nor_waited_for(file: Path) -> None:
    with closing(sqlite3.connect(file, isolation_level=None, timeout=0)) as site:
        site.execute("BEGIN EXCLUSIVE")
        site.execute("UPDATE lampi_lampi SET name = 'not committed'")
        assert [lamp.name for lamp in read_site(str(file)).lamps] == ["My LAMPI"]
        site.execute("COMMIT")
    assert [lamp.name for lamp in read_site(str(file)).lamps] == ["not committed"]


def test_a_file_that_changes_while_it_is_copied_is_copied_again(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copyfile
    times = []

    def disturbed(source: str, target: str) -> None:
        copy(source, target)
        times.append(source)
        if len(times) == 1:
            with closing(sqlite3.connect(file)) as site:
                site.execute("UPDATE lampi_lampi SET name = 'Kitchen'")
                site.commit()

    monkeypatch.setattr(shutil, "copyfile", disturbed)
    assert [lamp.name for lamp in read_site(str(file)).lamps] == ["Kitchen"]
    assert len(times) == 2


def test_a_file_that_changes_all_the_time_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = shutil.copyfile

    def disturbed(source: str, target: str) -> None:
        copy(source, target)
        with file.open("ab") as opened:
            opened.write(b"\0" * 4096)

    monkeypatch.setattr(shutil, "copyfile", disturbed)
    with pytest.raises(UnusableCourseSite, match="stop the site"):
        read_site(str(file))


def test_no_copy_stays(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    read_site(str(file))
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("missing", "No such file or directory"),
        ("a folder", "is not a regular file"),
        ("a letter", "is not the database of a LAMPI course site: file is not a database"),
        ("another program's", "is not the database of a LAMPI course site: no such table: auth_user"),
        ("empty", "is not the database of a LAMPI course site: no such table: auth_user"),
    ],
)
def test_what_is_no_course_site_is_refused(folder: Path, import_course: Import, what: str, said: str) -> None:
    place = folder / "db.sqlite3"
    if what == "a folder":
        place.mkdir()
    elif what == "a letter":
        place.write_text("Dear Ada, " * 200)
    elif what == "another program's":
        with closing(sqlite3.connect(place)) as other:
            other.execute("CREATE TABLE t (x)")
    elif what == "empty":
        place.touch()
    refused = import_course(str(place))
    assert (refused.exit_code, refused.stderr.count("\n")) == (1, 1)
    assert said in refused.stderr


@pytest.mark.parametrize("scheme", ["postgresql", "postgres"])
def test_a_server_s_database_is_read_by_a_user_who_may_only_read(postgres: Postgres, scheme: str) -> None:
    url = postgres.make_database()
    CourseSiteDatabase(url).add([ADA], [LAMP])
    with psycopg.connect(url) as connection:
        connection.execute("DROP ROLE IF EXISTS reader")
        connection.execute("CREATE ROLE reader LOGIN")
        connection.execute("GRANT SELECT ON auth_user, lampi_lampi TO reader")
        connection.execute("ALTER ROLE reader SET timezone = 'Asia/Tokyo'")
    found = read_site(url.replace("postgresql://lampi@", f"{scheme}://reader@"))
    assert [user.name for user in found.users] == ["ada"]
    (lamp,) = found.lamps
    assert (lamp.device_id, str(lamp.created_at)) == ("b827eb000001", "2021-02-03 04:05:06.789012+00:00")


def test_a_server_that_is_no_course_site_or_away_is_refused_without_the_password(postgres: Postgres) -> None:
    url = postgres.make_database()
    with pytest.raises(UnusableCourseSite, match=r'is not the database of a LAMPI course site: relation "auth_user"'):
        read_site(url)
    away = "postgresql://lampi:hunter22@127.0.0.1:1/lampi"
    with pytest.raises(UnusableCourseSite, match="Can't read postgresql://lampi:") as refused:
        read_site(away)
    assert "hunter22" not in str(refused.value)
    with pytest.raises(UnusableCourseSite, match="needs three slashes"):
        read_site("sqlite:/db.sqlite3")


@pytest.mark.parametrize("scheme", ["mysql", "POSTGRESQL", "postgresql+psycopg"])
def test_another_url_is_not_taken_for_a_file_and_shows_no_password(scheme: str) -> None:
    with pytest.raises(UnusableCourseSite) as refused:
        read_site(f"{scheme}://lampi:hunter22@127.0.0.1/lampi")
    assert str(refused.value) == "The database URL must start with sqlite:/// or postgresql://."
