"""Which URLs name a database, and how they are shown."""

import pytest

from cloud.db.url import parse_database_url, shown_url


@pytest.mark.parametrize(
    "url", ["sqlite:///lampi.db", "sqlite:////var/lib/lampi.db", "postgresql://me:secret@db.example:5432/lampi"]
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
    ],
)
def test_urls_that_can_not(url: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as refused:
        parse_database_url(url)
    assert "secret" not in str(refused.value)


def test_a_shown_url_has_no_password() -> None:
    assert shown_url("postgresql://me:se%40cret@db:5432/lampi") == "postgresql://me:***@db:5432/lampi"
    assert shown_url("sqlite:///lampi.db") == "sqlite:///lampi.db"
