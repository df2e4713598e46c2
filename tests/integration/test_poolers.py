"""PostgreSQL behind pgbouncer, in other encodings, at several addresses, and with few connections."""

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import peewee
import psycopg
import pytest

from cloud.db.database import connect_database, database_proxy, open_database, write_transaction
from cloud.db.postgres import IDLE_MILLISECONDS, PooledPostgresDatabase
from cloud.db.schema import open_current, upgrade
from cloud.errors import UnusableDatabase
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import ASSOCIATED, associated, presence, wait_for_code
from tests.support.pgbouncer import PgBouncer
from tests.support.ports import free_port
from tests.support.postgres import Postgres
from tests.support.waiting import wait_until

LAMPS = [f"b827eb{number:06x}" for number in range(30)]


@pytest.fixture(params=["transaction", "session"])
def pooled_url(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> Iterator[str]:
    """Give the URL of an empty database through pgbouncer, whose folder another user may read."""
    folder = Path("/tmp") / f"lampi-pgbouncer-{os.getpid()}-{request.param}"
    with PgBouncer(folder, postgres.make_database(), request.param, connections=6) as pooler:
        yield pooler.url
    shutil.rmtree(folder)


def test_a_cloud_works_behind_a_pooler(broker: Mosquitto, tmp_path: Path, pooled_url: str) -> None:
    cloud = Cloud(tmp_path / "cloud", broker.port, pooled_url)
    with cloud.daemon() as daemon:
        cloud.command("user", "add", "ada")
        for lamp in LAMPS:
            broker.publish(presence(lamp), b"1", retain=True)
            wait_for_code(broker, lamp)
        claim = ("associate", "--user", "ada", "--device-id")
        sides = [threading.Thread(target=cloud.command, args=(*claim, lamp)) for lamp in LAMPS]
        for side in sides:
            side.start()
        for side in sides:
            side.join()
        assert all(lamp["user"] == "ada" for lamp in cloud.lamps().values())
        everything = {associated(lamp) for lamp in LAMPS}
        wait_until(
            lambda: (
                {t for t, kept in broker.retained(associated("+")).items() if kept.payload == ASSOCIATED} == everything
            ),
            "all lamps to be published",
        )
        errors = [line for line in daemon.log().splitlines() if "Database error" in line]
        assert [line for line in errors if "lock timeout" not in line] == []  # 31 people write at the same time
        assert cloud.command("status").startswith("LAMPI OK")


def test_time_outs_are_in_force_in_each_write(pooled_url: str) -> None:
    opened = open_database(pooled_url, create=True, busy_seconds=3)
    others = [connect_database(pooled_url, busy_seconds=7) for _ in range(4)]
    try:
        for _ in range(4):
            with write_transaction():
                shown = [opened.execute_sql(f"SHOW {name}").fetchone()[0] for name in SETTINGS]
            assert shown == ["3s", f"{IDLE_MILLISECONDS // 1000}s"]
    finally:
        for each in (opened, *others):
            each.close()


SETTINGS = ("lock_timeout", "idle_in_transaction_session_timeout")


@pytest.mark.parametrize("encoding", ["LATIN1", "SQL_ASCII"])
def test_an_encoding_is_refused_in_words_or_holds_every_name(postgres: Postgres, encoding: str) -> None:
    plain = postgres.make_database()
    name = plain.rpartition("/")[2] + "_c"
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    url = f"{plain.rpartition('/')[0]}/{name}"
    if encoding == "LATIN1":
        with pytest.raises(UnusableDatabase, match="encoding LATIN1, which can't hold every name"):
            connect_database(url)
    else:
        opened = open_database(url, create=True)
        upgrade(opened)
        open_current(url).close()  # every command agrees with 'migrate'
        assert database_proxy.execute_sql("SELECT 'Küche 佐々木 🛋'").fetchone() == ("Küche 佐々木 🛋",)
        opened.close()


def test_of_several_addresses_the_one_that_answers_is_used(postgres: Postgres) -> None:
    url = postgres.make_migrated_database()
    several = url.replace("@127.0.0.1:", f"@127.0.0.1:{free_port()},127.0.0.1:") + "?target_session_attrs=read-write"
    connect_database(several).close()


def test_threads_wait_where_the_role_has_few_connections(postgres: Postgres) -> None:
    url = postgres.make_migrated_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS few")
        connection.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 2")
    opened = open_database(url.replace("lampi@", "few@"), most_connections=10, busy_seconds=30)
    opened.close()
    faults: list[BaseException] = []
    many = threading.Barrier(10)

    def ask() -> None:
        many.wait()
        try:
            for _ in range(5):
                with opened.connection_context():
                    opened.execute_sql("SELECT pg_sleep(0.01)")
        except BaseException as fault:  # for the test's thread to show
            faults.append(fault)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert faults == []
    opened.close_idle()


def test_a_connection_that_the_server_cut_is_not_used_again(postgres: Postgres) -> None:
    url = postgres.make_migrated_database()
    opened = open_database(url, most_connections=2)
    ((pid,),) = opened.execute_sql("SELECT pg_backend_pid()").fetchall()
    opened.close()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    opened.connect()
    assert opened.execute_sql("SELECT 1").fetchone() == (1,)
    opened.close()
    opened.close_idle()


def test_a_server_that_says_nothing_holds_up_all_threads_once() -> None:
    """They connect one after the other: four requests would get their answers after one, two, three and four times."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        url = f"postgresql://lampi@127.0.0.1:{port}/lampi?connect_timeout=2"
        pool = PooledPostgresDatabase(url, busy_seconds=1, max_connections=4, timeout=1)
        waited: list[float] = []

        def connect() -> None:
            began = time.monotonic()
            with pytest.raises(peewee.OperationalError):
                pool.connect()
            waited.append(time.monotonic() - began)

        threads = [threading.Thread(target=connect) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(waited) == 4
    assert max(waited) < 1.5 * min(waited)
