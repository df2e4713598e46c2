"""The association service: one code, one owner."""

import threading

import peewee
import pytest

from cloud.db.database import database_proxy, write_transaction
from cloud.errors import (
    AlreadyAssociated,
    BadUserName,
    MalformedCode,
    NotAssociated,
    UnknownCode,
    UnknownLamp,
    UnknownUser,
    UserError,
)
from cloud.services.claiming import add_user, associate_by_code, associate_by_device_id, forget, release, user_named
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW
from tests.support.loop import WITHDRAWN

CODE = "b71e09c4" * 4
TOPIC = "devices/b827ebba0387/lamp/associated"


@pytest.fixture(autouse=True)
def lampi(database: peewee.Database) -> Lampi:
    made: Lampi = Lampi.create(device_id="b827ebba0387", association_code=CODE)
    return made


def enqueued() -> dict[str, bytes]:
    return {message.topic: message.payload for message in outbox.pending(after=0, limit=100)}


@pytest.mark.parametrize("typed", ["b71e09", "B71 E09", "b7le-o9", "b71e09c4b7", CODE, CODE.upper()])
def test_the_beginning_of_the_code_is_enough(typed: str, ada: User) -> None:
    assert associate_by_code(typed, ada, NOW).device_id == "b827ebba0387"
    stored = Lampi.named("b827ebba0387")
    assert (stored.user, stored.associated_at) == (ada, NOW)
    assert enqueued() == {TOPIC: b'{"associated": true}'}


def test_a_lamp_that_is_registered_meanwhile_is_not_said_to_have_an_owner(
    ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def register() -> None:
        with database_proxy.connection_context(), write_transaction():
            Lampi.create(device_id="b827ebba0388")

    daemon, look = threading.Thread(target=register), Lampi.named

    def look_at_the_worst_moment(device_id: str) -> Lampi:
        daemon.start()
        daemon.join(1)  # it has to wait for the write lock
        return look(device_id)

    monkeypatch.setattr(Lampi, "named", look_at_the_worst_moment)
    with pytest.raises(UnknownLamp):
        associate_by_device_id("b827ebba0388", ada, NOW)
    daemon.join()
    assert look("b827ebba0388").user is None


@pytest.mark.parametrize("typed", ["b71e08", "b71e0a", "000000", "ffffff", "b71e09c5", CODE[:-1] + "5"])
def test_another_code_takes_nothing(typed: str, ada: User) -> None:
    with pytest.raises(UnknownCode):
        associate_by_code(typed, ada, NOW)
    assert Lampi.named("b827ebba0387").user is None
    assert enqueued() == {}


def test_a_used_code_is_refused_as_an_unknown_one_is(ada: User, bob: User) -> None:
    associate_by_code("b71e09", ada, NOW)
    refusals = []
    for typed in ("b71e09", "123456"):
        with pytest.raises(UnknownCode) as refused:
            associate_by_code(typed, bob, NOW)
        refusals.append(str(refused.value))
    assert refusals[0] == refusals[1]
    assert Lampi.named("b827ebba0387").user == ada


def test_a_malformed_code_does_not_reach_the_database(database: peewee.Database, ada: User) -> None:
    database.close()
    database.autoconnect = False
    with pytest.raises(MalformedCode):
        associate_by_code("b71", ada, NOW)
    database.autoconnect = True


def test_an_operator_associates_by_device_id(ada: User, bob: User) -> None:
    associate_by_device_id("b827ebba0387", ada, NOW)
    with pytest.raises(AlreadyAssociated, match="already has an owner"):
        associate_by_device_id("b827ebba0387", bob, NOW)
    with pytest.raises(UnknownLamp):
        associate_by_device_id("b827ebba0388", ada, NOW)


def test_release_gives_a_new_code(ada: User) -> None:
    associate_by_code("b71e09", ada, NOW)
    release("b827ebba0387", NOW)
    stored = Lampi.named("b827ebba0387")
    assert (stored.user, stored.associated_at) == (None, None)
    assert stored.association_code != CODE
    assert enqueued() == {TOPIC: f'{{"associated": false, "code": "{stored.association_code}"}}'.encode()}
    with pytest.raises(UnknownCode):
        associate_by_code("b71e09", ada, NOW)
    assert associate_by_code(stored.association_code, ada, NOW)


def test_an_unclaimed_lamp_keeps_its_code_when_released() -> None:
    with pytest.raises(NotAssociated):
        release("b827ebba0387", NOW)
    assert Lampi.named("b827ebba0387").association_code == CODE
    assert enqueued() == {}


def test_forget_deletes_the_lamp_and_its_message() -> None:
    assert forget("b827ebba0387").association_code == CODE
    assert Lampi.select().count() == 0
    assert enqueued() == {TOPIC: WITHDRAWN}


def test_an_unknown_lamp_is_refused() -> None:
    with pytest.raises(UnknownLamp, match="b827ebba0388"):
        forget("b827ebba0388")
    with pytest.raises(UnknownLamp, match="b827ebba0388"):
        release("b827ebba0388", NOW)


def test_users() -> None:
    assert user_named(add_user("Ada Lovelace").name).name == "Ada Lovelace"
    with pytest.raises(UnknownUser, match="'lampi-cloud user add'"):
        user_named("nobody")


@pytest.mark.parametrize("name", ["", " ", " ada", "ada ", "a\nb", "a\x1b[2J", "x" * 151])
def test_names_that_can_not_be(name: str) -> None:
    with pytest.raises(BadUserName):
        add_user(name)


def test_a_name_is_one_users() -> None:
    add_user("ada")
    with pytest.raises(BadUserName, match="already"):
        add_user("ada")


def test_every_refusal_is_one_line(ada: User) -> None:
    refusals: list[UserError] = []
    for act in (
        lambda: associate_by_code("b71", ada, NOW),
        lambda: associate_by_code("000000", ada, NOW),
        lambda: release("b827ebba0387", NOW),
        lambda: forget("b827ebba0388"),
        lambda: user_named("no\nbody"),
    ):
        with pytest.raises(UserError) as refused:
            act()
        refusals.append(refused.value)
    for refusal in refusals:
        assert str(refusal)
        assert "\n" not in str(refusal)
