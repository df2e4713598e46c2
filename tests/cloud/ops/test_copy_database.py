"""Copying a database, in each direction, with a check at the end."""

import os
from pathlib import Path

import peewee
import pytest
from click.testing import CliRunner, Result

from cloud.auth.api_tokens import make_token
from cloud.auth.passkeys import Passkey
from cloud.auth.recovery_codes import make_codes
from cloud.cli import commands
from cloud.daemon.presence import PresenceBatch
from cloud.db.database import Table, connect_database, open_database, write_transaction
from cloud.db.schema import upgrade
from cloud.db.timestamps import utc_now
from cloud.errors import UnknownCode
from cloud.ops import copy_database
from cloud.rate_limit.live_codes import live_codes
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import add_user, associate_by_code, forget
from cloud.services.offering import make_offer
from cloud.services.resets import LampReset, answer
from cloud.store import claim_url, open_sign_up
from cloud.store.audit_log import Selection, read
from cloud.store.lamps import Lampi
from cloud.store.lease import PublisherLease
from cloud.store.webhook_queue import announce_receiver
from tests.cloud.conftest import NOW
from tests.support.postgres import Postgres


@pytest.fixture(params=["sqlite to postgresql", "postgresql to sqlite"])
def urls(request: pytest.FixtureRequest, tmp_path: Path, postgres: Postgres) -> tuple[str, str]:
    sqlite, postgresql = f"sqlite:///{tmp_path}/lampi.db", postgres.make_database()
    return (sqlite, postgresql) if request.param == "sqlite to postgresql" else (postgresql, sqlite)


@pytest.fixture
def source(urls: tuple[str, str]) -> peewee.Database:
    """Give a database with 1,200 lamps, users, an owner, a lamp that was forgotten, and something in every table."""
    database = open_database(urls[0], create=True)
    upgrade(database)
    announce_receiver(True)
    claim_url.announce("https://lamps.example.com/associate")
    open_sign_up.announce(True)
    ada, _bob = add_user("ada"), add_user("bob \N{LATIN SMALL LETTER O WITH DIAERESIS}")
    make_token(ada, "a test", NOW)
    make_codes(ada, NOW, "")
    kept = {"credential_id": "AAAA", "user_handle": "AAAA", "public_key": "AAAA", "sign_count": 2**32 - 1}
    Passkey.create(user=ada, name="Phone", created_at=NOW, **kept)
    batch = PresenceBatch()
    for number in range(1200):
        batch.add(f"{number:012x}", True)
    batch.register(NOW)
    associate_by_code(Lampi.named("000000000001").association_code, ada, NOW)
    make_offer("000000000001", NOW, "192.0.2.7", ada)
    answer({"000000000001": None}, LampReset.AFTER_A_DAY, NOW)
    forget("000000000002")
    announce(CodePolicy(guesses_per_user=7))
    with pytest.raises(UnknownCode):
        associate_by_code("0" * 14, ada, NOW)
    return database


def copy(urls: tuple[str, str]) -> Result:
    return CliRunner().invoke(commands, ["copy-database", *urls], env=dict(os.environ))


def rows(url: str) -> dict[str, list[dict[str, object]]]:
    database = connect_database(url)
    try:
        return {table.__name__: list(copy_database._rows(database, table)) for table in copy_database.TABLES}
    finally:
        database.close()


def test_every_row_arrives_and_is_counted(source: peewee.Database, urls: tuple[str, str]) -> None:
    done = copy(urls)
    assert done.exit_code == 0, done.output
    assert "     1199 lampi\n" in done.output
    assert "and verified the copy" in done.output
    original, copied = rows(urls[0]), rows(urls[1])
    assert {name for name, found in original.items() if not found} == set()
    assert original["OutboxSequence"][0].pop("origin") != copied["OutboxSequence"][0].pop("origin")
    assert original == copied


def test_where_it_goes_may_be_left_to_the_settings(source: peewee.Database, urls: tuple[str, str]) -> None:
    """So a password needs not stand in the list of processes."""
    environment = os.environ | {"LAMPI_DATABASE_URL": urls[1]}
    done = CliRunner().invoke(commands, ["copy-database", urls[0]], env=environment)
    assert done.exit_code == 0, done.output
    assert len(rows(urls[1])["Lampi"]) == len(rows(urls[0])["Lampi"])
    nowhere = CliRunner().invoke(commands, ["copy-database", urls[0]], env={"LAMPI_DATABASE_URL": None})
    assert (nowhere.exit_code, "Missing argument" in nowhere.stderr) == (2, True)


def test_a_database_on_which_a_daemon_works_is_not_copied(source: peewee.Database, urls: tuple[str, str]) -> None:
    PublisherLease().acquire(utc_now())
    refused = copy(urls)
    assert (refused.exit_code, "stop it first" in refused.stderr) == (1, True)


def test_an_unmigrated_database_is_not_copied(urls: tuple[str, str]) -> None:
    open_database(urls[0], create=True).close()
    refused = copy(urls)
    assert (refused.exit_code, "run 'lampi-cloud migrate'" in refused.stderr) == (1, True)


def test_the_copy_goes_on_numbering(source: peewee.Database, urls: tuple[str, str]) -> None:
    copy(urls)
    database = open_database(urls[1])
    carol = add_user("carol")
    assert carol.id == 3
    assert sum(live_codes(CodePolicy(ttl=None), NOW).values()) == 1198 + 1  # an offer
    lampi = associate_by_code(Lampi.named("000000000003").association_code, carol, NOW)
    assert lampi.user == carol
    assert [row.event for row in read(Selection(newest=3))] == ["refused", "user added", "associated"]
    with pytest.raises(UnknownCode):
        associate_by_code("0" * 14, carol, NOW)
    database.close()


def test_a_database_that_holds_something_is_left_alone(source: peewee.Database, urls: tuple[str, str]) -> None:
    target = open_database(urls[1], create=True)
    upgrade(target)
    add_user("eve")
    target.close()
    refused = copy(urls)
    assert (refused.exit_code, "is not empty" in refused.stderr) == (1, True)
    assert [row["name"] for row in rows(urls[1])["User"]] == ["eve"]


def test_a_copy_that_differs_is_noticed_and_undone(
    source: peewee.Database, urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    real_copy = copy_database._copy

    def spoil(table: type[Table], original: peewee.Database, target: peewee.Database, progress: object) -> int:
        count = real_copy(table, original, target, lambda _count: None)
        if table is Lampi:
            with target.bind_ctx(copy_database.TABLES):
                Lampi.update(name="spoilt").where(Lampi.device_id == "000000000003").execute()
        return count

    monkeypatch.setattr(copy_database, "_copy", spoil)
    refused = copy(urls)
    assert (refused.exit_code, "differs from the original" in refused.stderr) == (1, True)
    assert rows(urls[1])["Lampi"] == []


def test_no_process_writes_to_the_source_meanwhile(
    source: peewee.Database, urls: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = connect_database(urls[0], busy_seconds=0.01)
    if isinstance(writer, peewee.PostgresqlDatabase):
        writer.execute_sql("SET lock_timeout = 10")
    real_copy = copy_database._copy
    refusals = []

    def try_to_write(table: type[Table], original: peewee.Database, target: peewee.Database, progress: object) -> int:
        with pytest.raises(peewee.OperationalError) as refused, write_transaction(writer):
            add_user("late")
        refusals.append(refused)
        return real_copy(table, original, target, lambda _count: None)

    monkeypatch.setattr(copy_database, "_copy", try_to_write)
    assert copy(urls).exit_code == 0
    assert len(refusals) == len(copy_database.TABLES)
    writer.close()
