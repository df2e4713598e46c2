"""A course site's database of either kind, and the command that imports it."""

from collections.abc import Callable
from pathlib import Path

import peewee
import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from cloud.db.database import database_proxy
from tests.support.course_site import CourseSiteDatabase
from tests.support.postgres import Postgres

Import = Callable[..., Result]


@pytest.fixture
def site(database_url: str, tmp_path: Path, request: pytest.FixtureRequest) -> CourseSiteDatabase:
    """Give an empty site, of the same kind as the cloud's database."""
    if database_url.startswith("sqlite"):
        return CourseSiteDatabase(tmp_path / "db.sqlite3")
    postgres: Postgres = request.getfixturevalue("postgres")
    return CourseSiteDatabase(postgres.make_database())


@pytest.fixture
def import_course(database: peewee.Database, database_url: str) -> Import:
    """Give the command. The test's connection is closed for it, and opens again when used."""

    def run(site: CourseSiteDatabase | str, *options: str) -> Result:
        database_proxy.close()
        place = site if isinstance(site, str) else site.place
        words = ["import-course", place, *options]
        return CliRunner().invoke(commands, words, env={"LAMPI_DATABASE_URL": database_url})

    return run
