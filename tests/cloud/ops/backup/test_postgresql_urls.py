"""Every form of a PostgreSQL URL that psql accepts is accepted by the commands, `backup` and `restore` among them."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from cloud.db.database import connect_database, open_database
from cloud.db.schema import upgrade
from cloud.services.lamps import register_lamps
from cloud.store.lamps import Lampi
from tests.cloud.conftest import NOW
from tests.cloud.ops.backup.conftest import LAMP, run
from tests.support.postgres import Postgres

FORMS = {
    "socket folder": "postgresql://lampi@{folder}:{port}/{name}",
    "socket folder as a parameter": "postgresql:///{name}?host={folder}&port={port}&user=lampi",
    "database alone": "postgresql:///{name}",
    "parameters": "postgresql://127.0.0.1:{port}/{name}?user=lampi&application_name=lampi%20cloud",
}


@pytest.fixture
def names(postgres: Postgres, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, str]]:
    """Give two empty databases whose names have a space. What a URL leaves open, libpq's variables say."""
    for name, value in {"PGHOST": str(postgres.folder), "PGPORT": str(postgres.port), "PGUSER": "lampi"}.items():
        monkeypatch.setenv(name, value)
    made = tuple(f"my lamps {uuid.uuid4().hex[:12]}" for _ in range(2))
    with psycopg.connect(dbname="postgres", autocommit=True) as connection:
        for name in made:
            connection.execute(f'CREATE DATABASE "{name}"')
        yield made[0], made[1]
        for name in made:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_backup_is_made_and_restored_under_each_form(
    postgres: Postgres, names: tuple[str, str], file: Path, form: str
) -> None:
    here, there = (
        form.format(folder=quote(str(postgres.folder), safe=""), port=postgres.port, name=quote(name)) for name in names
    )
    upgrade(open_database(here, create=True))
    register_lamps([LAMP], NOW)
    for words, url in ((("backup", str(file)), here), (("restore", str(file)), there)):
        done = run(*words, url=url)
        assert done.exit_code == 0, done.output
    opened = open_database(there)
    assert [lampi.device_id for lampi in Lampi.select()] == [LAMP]
    opened.close()


def test_the_options_of_a_url_are_in_force(postgres: Postgres) -> None:
    opened = connect_database(f"{postgres.make_database()}?options=-c%20work_mem%3D8MB")
    assert opened.execute_sql("SHOW work_mem").fetchone() == ("8MB",)
    opened.close()
