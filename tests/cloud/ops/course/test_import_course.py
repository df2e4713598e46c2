"""Importing a course site: who and what comes, what is left out, and that it can be repeated."""

import json
from datetime import UTC, datetime, timedelta

import peewee
import pytest

from cloud.auth import accounts, sessions
from cloud.db.timestamps import utc_now
from cloud.errors import WrongPassword
from cloud.services.claiming import add_user, associate_by_code, associate_by_device_id, forget, release
from cloud.services.lamps import register_lamps
from cloud.store import audit_log, outbox, webhook_queue
from cloud.store.lamps import Lampi, User
from cloud.store.outbox import OutboxMessage
from cloud.store.tombstones import associated_topic
from cloud.store.webhook_queue import WebhookEvent
from tests.cloud.conftest import NOW
from tests.cloud.ops.course.conftest import Import
from tests.support.course_site import PARKED, CourseSiteDatabase, SiteLamp, SiteUser, django_hash

PASSWORD = "lampi"  # shorter than this program allows, but they chose it there
HOME = "192.0.2.7"
CREATED = datetime(2021, 2, 3, 4, 5, 6, 789012, tzinfo=UTC)
ADA, BOB, PARKED_ID = 1, 2, 3
OWNED, WAITING, OTHER = "b827eb000001", "b827eb000002", "b827eb000003"
CODE, WAITING_CODE = "a1" * 16, "b2" * 16

USERS = [
    SiteUser(ADA, "ada", django_hash(PASSWORD)),
    SiteUser(BOB, "bob@example.com", django_hash("bob's")),
    SiteUser(PARKED_ID, PARKED, "", is_active=False),
]
LAMPS = [SiteLamp(OWNED, CODE, ADA, "Kitchen"), SiteLamp(WAITING, WAITING_CODE, PARKED_ID)]


@pytest.fixture
def stock(site: CourseSiteDatabase) -> CourseSiteDatabase:
    site.add(USERS, LAMPS)
    return site


def everything() -> list[list[dict[str, object]]]:
    tables = (User, Lampi, OutboxMessage, outbox.OutboxSequence, audit_log.History, WebhookEvent)
    return [list(table.select().order_by(*table._meta.get_primary_keys()).dicts()) for table in tables]


def published(device_id: str) -> dict[str, object]:
    message: OutboxMessage = OutboxMessage.get(OutboxMessage.topic == associated_topic(device_id))
    decoded: dict[str, object] = json.loads(message.payload)
    return decoded


def test_users_and_lamps_come_with_owners_names_and_codes(stock: CourseSiteDatabase, import_course: Import) -> None:
    done = import_course(stock)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines() == [
        "Imported 2 users and 2 lamps (1 with an owner, 1 unclaimed).",
        "Already here and unchanged: 0 users and 0 lamps.",
    ]
    assert {user.name for user in User.select()} == {"ada", "bob@example.com"}
    owned, waiting = Lampi.named(OWNED), Lampi.named(WAITING)
    assert (owned.user.name, owned.name, owned.created_at, owned.associated_at) == ("ada", "Kitchen", CREATED, CREATED)
    assert (waiting.user, waiting.name, waiting.created_at, waiting.associated_at) == (None, "My LAMPI", CREATED, None)
    assert (owned.association_code, waiting.association_code) == (CODE, WAITING_CODE)
    assert [waiting.short_code_length, waiting.code_issued_offline, waiting.connected] == [6, False, False]


def test_each_lamp_s_state_is_enqueued_for_the_daemon(stock: CourseSiteDatabase, import_course: Import) -> None:
    import_course(stock)
    assert published(OWNED) == {"associated": True, "name": "Kitchen"}
    assert published(WAITING) == {"associated": False, "code": WAITING_CODE}
    versions = {row.version for row in OutboxMessage.select()}
    assert versions == {Lampi.named(OWNED).message_version, Lampi.named(WAITING).message_version} == {1, 2}


def test_the_code_on_a_screen_still_claims_its_lamp(stock: CourseSiteDatabase, import_course: Import) -> None:
    import_course(stock)
    ada = User.get(User.name == "ada")
    assert associate_by_code(WAITING_CODE[:6], ada, utc_now()).device_id == WAITING


def test_the_audit_log_has_it_and_the_webhook_tells_nothing(stock: CourseSiteDatabase, import_course: Import) -> None:
    webhook_queue.announce_receiver(True)
    import_course(stock)
    entries = [
        (row.event, row.device_id, row.user_name, row.source.partition(" ")[0])
        for row in audit_log.read(audit_log.Selection())
    ]
    assert sorted(entries, key=str) == [
        ("associated", OWNED, "ada", "import-course"),
        ("user added", None, "ada", "import-course"),
        ("user added", None, "bob@example.com", "import-course"),
    ]
    assert WebhookEvent.select().count() == 0


def test_a_user_signs_in_with_the_old_password_which_is_then_kept_as_argon2(
    stock: CourseSiteDatabase, import_course: Import
) -> None:
    import_course(stock)
    with pytest.raises(WrongPassword):
        accounts.sign_in("ada", "wrong", HOME, NOW)
    assert User.get(User.name == "ada").password_hash == USERS[0].password
    for _ in range(2):
        user = accounts.sign_in("Ada", PASSWORD, HOME, NOW)
        assert sessions.begin(user, NOW)
    assert User.get(User.name == "ada").password_hash.startswith("$argon2id$")


def test_a_dry_run_says_the_same_and_changes_nothing(stock: CourseSiteDatabase, import_course: Import) -> None:
    before = everything()
    tried = import_course(stock, "--dry-run")
    assert everything() == before
    lines = import_course(stock).output.splitlines()
    assert tried.output.splitlines() == [
        lines[0].replace("Imported", "Would import"),
        *lines[1:],
        "This was a dry run; nothing was changed.",
    ]


def test_run_again_it_adds_what_is_new_and_changes_nothing_else(
    stock: CourseSiteDatabase, import_course: Import
) -> None:
    import_course(stock)
    accounts.sign_in("ada", PASSWORD, HOME, NOW)
    release(OWNED, NOW)
    before = everything()
    again = import_course(stock)
    assert everything() == before
    assert again.output.splitlines()[0] == "Imported 0 users and 0 lamps (0 with an owner, 0 unclaimed)."
    assert f"Note: lamp {OWNED} has no owner here, and to ada on the site; it stays as it is" in again.output
    stock.add([SiteUser(9, "eve")], [SiteLamp("b827eb000009", "c3" * 16, ADA)])
    more = import_course(stock)
    assert more.output.splitlines()[0] == "Imported 1 users and 1 lamps (1 with an owner, 0 unclaimed)."
    assert Lampi.named("b827eb000009").user.name == "ada"
    assert Lampi.named(OWNED).user is None


def test_a_user_of_the_same_name_gets_no_lamps_of_another_person(
    stock: CourseSiteDatabase, import_course: Import, ada: User
) -> None:
    """Whoever signed up here as ada need not be the ada of the course site."""
    done = import_course(stock)
    assert "Left out: user 'ada': There is a user of this name here" in done.output
    assert f"Left out: lamp {OWNED}: its owner 'ada' was left out." in done.output
    assert "it is registered without an owner, and shows a code" in done.output
    assert {lampi.device_id for lampi in Lampi.select()} == {WAITING}
    assert User.get(User.name == "ada").password_hash is None


def test_names_that_differ_by_case_only_come_once(site: CourseSiteDatabase, import_course: Import) -> None:
    users = [
        SiteUser(1, "ADA", is_active=False),
        SiteUser(2, "ada", django_hash(PASSWORD)),
        SiteUser(3, "Ada", django_hash(PASSWORD)),
    ]
    site.add(users, [SiteLamp(OWNED, CODE, 3), SiteLamp(OTHER, "d4" * 16, 2)])
    for _ in range(2):
        done = import_course(site)
        assert [user.name for user in User.select()] == ["ada"]
        assert "Left out: user 'ADA': The site has 'ada', too, which is the same name here." in done.output
        assert f"Left out: lamp {OWNED}: its owner 'Ada' was left out." in done.output
    assert [(lampi.device_id, lampi.user.name) for lampi in Lampi.select()] == [(OTHER, "ada")]


def test_a_name_that_is_refused_is_left_out_with_its_lamps(site: CourseSiteDatabase, import_course: Import) -> None:
    mixed = "ad\N{CYRILLIC SMALL LETTER A}"
    site.add([SiteUser(1, mixed), SiteUser(2, "-rf")], [SiteLamp(OWNED, CODE, 1)])
    done = import_course(site)
    assert "can't mix letters from different scripts" in done.output
    assert "must start with a letter or digit" in done.output
    assert f"Left out: lamp {OWNED}: its owner" in done.output
    assert (User.select().count(), Lampi.select().count()) == (0, 0)


@pytest.mark.parametrize(
    ("password", "is_active", "why"),
    [
        (django_hash(PASSWORD), False, "the account is inactive on the site"),
        ("!fCvpVBrR1S0l", True, "it has none on the site"),
        ("", True, "it has none on the site"),
        ("argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$aGFzaA", True, "the site keeps it as 'argon2'"),
        ("bcrypt_sha256$$2b$12$abc", True, "the site keeps it as 'bcrypt_sha256'"),
        (django_hash(PASSWORD).replace("$1000$", "$9000000$"), True, "more than 2,000,000 rounds"),
        (django_hash(PASSWORD)[:-5], True, "its hash is malformed"),
    ],
)
def test_a_password_that_can_t_come_is_named_and_the_user_comes_without(
    site: CourseSiteDatabase, import_course: Import, password: str, is_active: bool, why: str
) -> None:
    site.add([SiteUser(1, "ada", password, is_active)], [SiteLamp(OWNED, CODE, 1)])
    done = import_course(site)
    assert "Note: user ada comes without a password" in done.output
    assert why in done.output
    assert "'lampi-cloud user password ada'" in done.output
    assert Lampi.named(OWNED).user.password_hash is None
    with pytest.raises(WrongPassword):
        accounts.sign_in("ada", PASSWORD, HOME, NOW)


def test_ids_in_upper_case_are_lowered_and_others_left_out(site: CourseSiteDatabase, import_course: Import) -> None:
    lamps = [
        SiteLamp("B827EB00000A", "0a" * 16, 1),
        SiteLamp("B827EB00000B", "0b" * 16, 1),
        SiteLamp("b827eb00000b", "0c" * 16, 2),
        SiteLamp("B827EB00000C", "0d" * 16, 1),
        SiteLamp("b827EB00000C", "0e" * 16, 2),
        SiteLamp("my lamp", "0f" * 16, 1),
    ]
    site.add([SiteUser(1, "ada"), SiteUser(2, "bob")], lamps)
    done = import_course(site)
    assert {lampi.device_id: lampi.user.name for lampi in Lampi.select()} == {
        "b827eb00000a": "ada",
        "b827eb00000b": "bob",
    }
    left_out = [line for line in done.output.splitlines() if line.startswith("Left out: lamp ")]
    assert len(left_out) == 4
    assert "Left out: lamp 'my lamp': its id is not 12 hexadecimal characters." in left_out
    assert "Left out: lamp B827EB00000B: the site has this id in another case, too." in left_out


def test_a_code_that_can_t_be_kept_is_replaced_and_named(site: CourseSiteDatabase, import_course: Import) -> None:
    register_lamps(["b827eb0000ff"], NOW)
    here = Lampi.named("b827eb0000ff").association_code
    lamps = [
        SiteLamp("b827eb000001", "AB" * 16),
        SiteLamp("b827eb000002", f"{'ab' * 3}{'0' * 26}"),  # the same six characters
        SiteLamp("b827eb000003", "not hexadecimal"),
        SiteLamp("b827eb000004", f"{here[:6]}{'0' * 26}"),
        SiteLamp("b827eb000005", f"{'ab' * 3}{'1' * 26}", 1),  # owned: no screen shows it
    ]
    site.add([SiteUser(1, "ada")], lamps)
    done = import_course(site)
    codes = {lampi.device_id: lampi.association_code for lampi in Lampi.select()}
    assert codes["b827eb000001"] == "ab" * 16
    assert codes["b827eb000005"] == lamps[4].code
    shorts = {code[:6] for device_id, code in codes.items() if device_id != "b827eb000005"}
    assert len(shorts) == 5
    noted = [line.split()[2] for line in done.output.splitlines() if "gets a new code" in line]
    assert noted == ["b827eb000002", "b827eb000003", "b827eb000004"]
    assert {Lampi.named(device_id).short_code_length for device_id in noted} == {6}
    assert all(code not in done.output for code in codes.values())


def test_a_lamp_s_name_that_is_not_printable_and_a_date_that_is_none_are_replaced(
    site: CourseSiteDatabase, import_course: Import
) -> None:
    lamps = [
        SiteLamp(OWNED, CODE, 1, "Kit\nchen", "2999-01-01 00:00:00"),
        SiteLamp(OTHER, "d4" * 16, None, "  Hall ", "1969-01-01 00:00:00"),
    ]
    site.add([SiteUser(1, "ada")], lamps)
    before = utc_now()
    done = import_course(site)
    assert f"Note: lamp {OWNED} is named My LAMPI, as its name 'Kit\\nchen' is not printable" in done.output
    assert (Lampi.named(OWNED).name, Lampi.named(OTHER).name) == ("My LAMPI", "Hall")
    for device_id in (OWNED, OTHER):
        assert Lampi.named(device_id).created_at >= before - timedelta(seconds=1)


def test_a_lamp_that_was_forgotten_here_and_comes_again_has_no_tombstone(
    stock: CourseSiteDatabase, import_course: Import
) -> None:
    register_lamps([OWNED], NOW)
    Lampi.named(OWNED).delete_instance()
    import_course(stock)
    assert published(OWNED) == {"associated": True, "name": "Kitchen"}


def test_a_lamp_that_is_here_keeps_its_owner_and_the_difference_is_named(
    stock: CourseSiteDatabase, import_course: Import, bob: User
) -> None:
    register_lamps([OWNED], NOW)
    associate_by_device_id(OWNED, bob, NOW)
    done = import_course(stock)
    assert f"Note: lamp {OWNED} belongs to bob here, and to ada on the site; it stays as it is" in done.output
    assert Lampi.named(OWNED).user == bob


def test_an_active_user_with_a_password_is_a_user_whatever_the_name(
    site: CourseSiteDatabase, import_course: Import
) -> None:
    site.add([SiteUser(1, PARKED, django_hash(PASSWORD))], [SiteLamp(OWNED, CODE, 1)])
    import_course(site)
    assert Lampi.named(OWNED).user.name == PARKED


def test_ten_thousand_users_and_lamps_take_few_statements(
    site: CourseSiteDatabase, import_course: Import, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some hundreds, where one for each row would take tens of thousands; that is what takes the time."""
    count = 10_000
    digest = django_hash(PASSWORD)
    site.add(
        [SiteUser(number, f"student{number}", digest) for number in range(1, count + 1)],
        [SiteLamp(f"b827eb{number:06x}", f"{number:06x}{'0' * 26}", number) for number in range(1, count // 2)]
        + [SiteLamp(f"b827eb{number:06x}", f"{number:06x}{'0' * 26}") for number in range(count // 2, count + 1)],
    )
    statements = []
    execute = peewee.Database.execute_sql

    def counted(database: peewee.Database, sql: str, *arguments: object, **named: object) -> object:
        statements.append(sql)
        return execute(database, sql, *arguments, **named)

    monkeypatch.setattr(peewee.Database, "execute_sql", counted)
    done = import_course(site)
    assert "Imported 10000 users and 10000 lamps (4999 with an owner, 5001 unclaimed)." in done.output
    assert len(statements) < 1000
    assert OutboxMessage.select().count() == count


def test_users_that_were_added_here_by_an_operator_are_no_imported_ones(
    stock: CourseSiteDatabase, import_course: Import
) -> None:
    add_user("ada", NOW, "command line (root)")
    assert "who did not come from a course site" in import_course(stock).output


def test_who_signed_up_under_the_name_of_a_deleted_imported_user_gets_none_of_their_lamps(
    stock: CourseSiteDatabase, import_course: Import
) -> None:
    import_course(stock)
    forget(OWNED)
    User.delete().where(User.name == "ada").execute()
    accounts.sign_up("ada", "three unrelated words", HOME, NOW)
    again = import_course(stock)
    assert "who did not come from a course site" in again.output
    assert f"Left out: lamp {OWNED}: its owner 'ada' was left out." in again.output
