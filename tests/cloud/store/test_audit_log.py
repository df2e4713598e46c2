"""The audit log: every change and every refusal, in order, without codes; no row can be changed."""

import json
from collections.abc import Callable
from datetime import timedelta

import peewee
import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from cloud.errors import AlreadyAssociated, TooManyGuesses, UnknownCode, UnknownLamp
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import add_user, associate_by_code, associate_by_device_id, forget, release, rotate_code
from cloud.store import audit_log, outbox
from cloud.store.audit_log import AuditEvent, History, Selection
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW

CODE = "b71e09c4" * 4
LAMP = "b827ebba0387"
HERE = "192.0.2.7"
Run = Callable[..., Result]


@pytest.fixture
def lampi(ada: User) -> Lampi:
    made: Lampi = Lampi.create(device_id=LAMP, association_code=CODE)
    return made


@pytest.fixture
def run(database_url: str) -> Run:
    return lambda *words: CliRunner().invoke(commands, words, env={"LAMPI_DATABASE_URL": database_url})


def rows_of(selection: Selection | None = None) -> list[tuple[str, str | None, str | None, str | None, str]]:
    rows = audit_log.read(selection or Selection())
    return [(row.event, row.device_id, row.user_name, row.reason, row.source) for row in rows]


def test_all_that_is_done_is_in_it(lampi: Lampi, bob: User) -> None:
    ada = add_user("Ada L.", NOW, HERE)
    associate_by_code("b71e09", ada, NOW, HERE)
    with pytest.raises(AlreadyAssociated):
        associate_by_device_id(LAMP, bob, NOW, "command line (root)")
    release(LAMP, NOW, HERE)
    rotate_code(LAMP, NOW, HERE)
    with pytest.raises(UnknownCode):
        associate_by_code("000000", bob, NOW, HERE)
    forget(LAMP, NOW, HERE)
    assert rows_of()[2:] == [
        ("user added", None, "Ada L.", None, HERE),
        ("associated", LAMP, "Ada L.", None, HERE),
        ("refused", LAMP, "bob", "already has an owner", "command line (root)"),
        ("released", LAMP, "Ada L.", None, HERE),
        ("rotated", LAMP, None, None, HERE),
        ("refused", None, "bob", "unknown code", HERE),
        ("forgotten", LAMP, None, None, HERE),
    ]


def test_what_is_done_in_the_shell_is_in_it(lampi: Lampi, ada: User) -> None:
    lampi.associate_and_publish_associated_msg(ada)
    lampi.delete_instance()
    assert [(event, source) for event, _, _, _, source in rows_of()[1:]] == [
        ("associated", "shell"),
        ("forgotten", "shell"),
    ]


def test_no_code_is_in_it(lampi: Lampi, ada: User) -> None:
    for typed in ("b71e0a", CODE[:-1] + "5", "b71e09"):
        with pytest.raises(UnknownCode) if typed != "b71e09" else pytest.MonkeyPatch.context():
            associate_by_code(typed, ada, NOW)
    assert "b71e0" not in repr(list(History.select().dicts()))


def test_a_change_that_fails_is_not_in_it(lampi: Lampi, ada: User, monkeypatch: pytest.MonkeyPatch) -> None:
    before = rows_of()
    monkeypatch.setattr(outbox, "put", lambda _messages: 1 / 0)
    for act in (
        lambda: associate_by_code("b71e09", ada, NOW),
        lambda: forget(LAMP),
        lambda: rotate_code(LAMP, NOW),
    ):
        with pytest.raises(ZeroDivisionError):
            act()
    assert rows_of() == before


@pytest.mark.parametrize("statement", ["UPDATE history SET source = 'elsewhere'", "DELETE FROM history"])
def test_the_database_refuses_to_change_it(database: peewee.Database, ada: User, statement: str) -> None:
    with pytest.raises(peewee.DatabaseError, match="history is append-only"):
        database.execute_sql(statement)
    assert len(rows_of()) == 1


def test_nor_can_it_be_written_over(database: peewee.Database, ada: User) -> None:
    row = History.select().get()
    again = f"INTO history (id, at, event, source) VALUES ({row.id}, '2026-01-01', 'forgotten', 'elsewhere')"
    on_sqlite = isinstance(database, peewee.SqliteDatabase)
    ways = [f"INSERT OR REPLACE {again}"] if on_sqlite else []
    for way in (*ways, f"INSERT {again} ON CONFLICT (id) DO UPDATE SET source = excluded.source"):
        with pytest.raises(peewee.DatabaseError, match="history is append-only"):
            database.execute_sql(way)
    assert [kept.source for kept in audit_log.read(Selection())] == [row.source]


def test_postgresql_refuses_to_empty_it(database: peewee.Database, ada: User) -> None:
    if isinstance(database, peewee.PostgresqlDatabase):
        with pytest.raises(peewee.DatabaseError, match="history is append-only"):
            database.execute_sql("TRUNCATE history")
    assert len(rows_of()) == 1


@pytest.mark.parametrize(("typed", "error"), [("000000", TooManyGuesses), ("0" * 32, UnknownCode)])
def test_a_flood_of_refusals_stays_small(
    lampi: Lampi, ada: User, database: peewee.Database, typed: str, error: type[Exception]
) -> None:
    announce(CodePolicy(guesses_per_user=3))
    for number in range(40):
        with pytest.raises((UnknownCode, TooManyGuesses)) as refused:
            associate_by_code(typed, ada, NOW, HERE)
        if number > 10:
            assert refused.type is error
    reasons = [reason for _, _, _, reason, _ in rows_of() if reason]
    assert len(reasons) == (6 if error is TooManyGuesses else 3)
    with pytest.raises((UnknownCode, TooManyGuesses)):
        associate_by_code(typed, ada, NOW + timedelta(days=2), HERE)
    assert len(rows_of()) == 1 + len(reasons) + 1


def test_a_part_of_it(lampi: Lampi, ada: User) -> None:
    Lampi.create(device_id="b827ebba0388")
    for number, device_id in enumerate([LAMP, "b827ebba0388", LAMP]):
        rotate_code(device_id, NOW + timedelta(hours=number))
    assert len(rows_of(Selection(device_id=LAMP))) == 2
    assert len(rows_of(Selection(since=NOW + timedelta(hours=1)))) == 2
    assert [device_id for _, device_id, *_ in rows_of(Selection(newest=2))] == ["b827ebba0388", LAMP]
    assert [row.at for row in audit_log.read(Selection(LAMP, newest=1))] == [NOW + timedelta(hours=2)]
    assert rows_of(Selection(newest=100)) == rows_of()


def test_a_long_one_comes_in_order(database: peewee.Database) -> None:
    ids = [f"{number:012x}" for number in range(2500)]
    History.insert_many(
        {"at": NOW, "event": AuditEvent.ROTATED, "device_id": device_id, "source": HERE} for device_id in ids
    ).execute()
    assert [device_id for _, device_id, *_ in rows_of()] == ids
    assert len(rows_of(Selection(newest=1700))) == 1700


def test_the_command_tells_it(run: Run, lampi: Lampi, ada: User) -> None:
    associate_by_code("b71e09", ada, NOW, HERE)
    run("release", LAMP)
    said = run("history").output.splitlines()
    assert said[1] == f"2026-11-23 12:00:00 UTC  associated {LAMP} by ada, from {HERE}"
    assert f"released {LAMP} of ada, from command line (" in said[2]
    as_json = json.loads(run("history", LAMP, "--limit", "2", "--json").output)
    assert as_json[0] == {
        "at": "2026-11-23T12:00:00.000Z",
        "event": "associated",
        "device_id": LAMP,
        "user": "ada",
        "new_owner": None,
        "reason": None,
        "source": HERE,
    }
    assert as_json[1]["event"] == "released"
    assert run("history", "b827ebba0388", "--json").output == "[]\n"
    assert run("history", "--since", "2999-01-01").output == ""


@pytest.mark.parametrize("since", ["yesterday", "", "2026-13-01", "0001-01-01T00:00+14:00"])
def test_what_is_no_instant_is_refused(run: Run, lampi: Lampi, since: str) -> None:
    refused = run("history", "--since", since)
    assert (refused.exit_code, "is not a timestamp" in refused.stderr) == (2, True)


def test_the_command_rotates(run: Run, lampi: Lampi, ada: User) -> None:
    assert run("rotate", LAMP).output == f"Rotated the code of the lamp {LAMP}.\n"
    new = Lampi.named(LAMP).association_code
    assert new != CODE
    associate_by_code(new, ada, NOW)
    assert "has an owner" in run("rotate", LAMP).stderr
    with pytest.raises(UnknownLamp):
        rotate_code("b827ebba0388", NOW)
