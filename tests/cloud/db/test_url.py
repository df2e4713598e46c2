"""Which URLs name a database, and how they are shown."""

from pathlib import Path

import pytest

from cloud.db.url import parse_database_url, shown_url, sqlite_file, sqlite_url


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:///lampi.db",
        "sqlite:////var/lib/lampi.db",
        "sqlite:////srv/my lamps/h%23q%3F.db",
        "postgresql://me:secret@db.example:5432/lampi",
        "postgresql:///lampi",
        "postgresql://%2Frun%2Fpostgresql/lampi",
        "postgresql://[::1]:5432/my%20lamps",
        "postgresql://h1:5432,h2:5433/lampi?target_session_attrs=read-write&connect_timeout=3",
        "postgresql://localhost/lampi?options=-c%20work_mem%3D8MB",
    ],
)
def test_urls_that_can_be_used(url: str) -> None:
    assert parse_database_url(f" {url} ") == url


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must start with"),
        ("mysql://localhost/lampi", "must start with"),
        ("sqlite://lampi.db", "has no database name"),
        ("sqlite://folder/lampi.db", "three slashes"),
        ("sqlite:///", "has no database name"),
        ("postgresql://me:secret@localhost", "has no database name"),
        ("postgresql://[::1", "not a URL"),
        ("postgresql://me:se/secret@localhost/lampi", "written as %XX"),
        ("postgresql://me:secret#@localhost/lampi", "has no database name|written as %XX"),
        ("postgresql://me:secret@localhost:99999/lampi", "written as %XX"),
        ("postgresql://localhost/lampi?password=secret", "before the host"),
        ("sqlite:////srv/lampi.db   # on the SSD", "comment after it"),
        ("postgresql://localhost/lampi # ours", "comment after it"),
        ("sqlite:///lampi.db%20", "space at its beginning or end"),
        ("sqlite:////srv/lampi%0A.db", "control character"),
        ("sqlite:///lampi.db?mode=ro", "no parameters"),
        ("sqlite:///q?x.db", "no parameters"),
        ("sqlite:///lampi.db?pragmas=x", "no parameters"),
        ("sqlite:///h#x.db", "%23"),
        ("sqlite:/lampi.db", "three slashes"),
        ("postgresql://localhost/lampi?pragmas=x", "unknown parameter pragmas"),
        ("postgresql://localhost/lampi?sslmode", "malformed"),
        ("postgresql://localhost/lampi%zz", "malformed"),
        ("postgresql://me:secret@localhost/lampi#x", "%23"),
        ("postgresql://localhost/my lamps", "%20"),
        ("postgresql://h1:5432,h2:x/lampi", "written as %XX"),
        ("postgresql://h1:x,h2:5432/lampi", "written as %XX"),
    ],
)
def test_urls_that_can_not(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        parse_database_url(url)
    assert "secret" not in str(refused.value)


def test_a_shown_url_has_no_password() -> None:
    assert shown_url("postgresql://me:se%40cret@db:5432/lampi") == "postgresql://me:***@db:5432/lampi"
    assert shown_url("sqlite:///lampi.db") == "sqlite:///lampi.db"
    assert shown_url("postgresql://me:secret@h1:1,h2:2/lampi") == "postgresql://me:***@h1:1,h2:2/lampi"


def test_a_file_name_is_read_as_a_url_writes_it() -> None:
    assert sqlite_file("sqlite:////srv/my%20lamps/h%23q%3F.db") == Path("/srv/my lamps/h#q?.db")
    assert sqlite_file("postgresql:///lampi") is None
    assert sqlite_file(sqlite_url(Path("/srv/h#q?% .db"))) == Path("/srv/h#q?% .db")
