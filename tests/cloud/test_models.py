"""Lamps, users, and the two verbs that users of LAMPI know."""

from collections.abc import Iterator

import peewee
import pytest

from cloud import models, outbox
from cloud.association import release
from cloud.errors import AlreadyAssociated, UnknownLamp
from cloud.models import Lampi, User
from shared.codes import is_association_code
from tests.cloud.conftest import NOW

TOPIC = "devices/b827ebba0387/lamp/associated"


@pytest.fixture
def lampi(database: peewee.Database) -> Lampi:
    made: Lampi = Lampi.create(device_id="b827ebba0387")
    return made


def told() -> list[tuple[str, bytes]]:
    return [(message.topic, message.payload) for message in outbox.pending(after=0, limit=100)]


def unassociated(code: str) -> bytes:
    return f'{{"associated": false, "code": "{code}"}}'.encode()


def test_a_lamp_and_a_user_read_well(lampi: Lampi, ada: User) -> None:
    assert repr(lampi) == "<Lampi: b827ebba0387: My LAMPI>"
    assert repr(ada) == "<User: ada>"


def test_a_new_lamp_has_a_code_and_no_owner(lampi: Lampi) -> None:
    stored = Lampi.named("b827ebba0387")
    assert is_association_code(stored.association_code)
    assert stored.user is None
    assert stored.associated_at is None
    assert not stored.connected


def test_publish_unassociated_msg_has_the_lamp_told_its_code(lampi: Lampi) -> None:
    lampi.publish_unassociated_msg()
    assert told() == [(TOPIC, unassociated(lampi.association_code))]


def test_associating_gives_the_owner_and_tells_the_lamp(lampi: Lampi, ada: User) -> None:
    lampi.associate_and_publish_associated_msg(ada, NOW)
    stored = Lampi.named("b827ebba0387")
    assert (stored.user, stored.associated_at) == (ada, NOW)
    assert (lampi.user, lampi.associated_at) == (ada, NOW)
    assert told() == [(TOPIC, b'{"associated": true}')]


def test_a_lamp_has_one_owner(lampi: Lampi, ada: User, bob: User) -> None:
    seen_by_bob = Lampi.named("b827ebba0387")
    lampi.associate_and_publish_associated_msg(ada, NOW)
    with pytest.raises(AlreadyAssociated):
        seen_by_bob.associate_and_publish_associated_msg(bob, NOW)
    assert Lampi.named("b827ebba0387").user == ada


def test_an_object_older_than_the_association_can_not_undo_it(lampi: Lampi, ada: User) -> None:
    stale = Lampi.named("b827ebba0387")
    lampi.associate_and_publish_associated_msg(ada, NOW)
    with pytest.raises(AlreadyAssociated):
        stale.publish_unassociated_msg()
    assert told() == [(TOPIC, b'{"associated": true}')]


def test_an_object_older_than_the_code_publishes_the_code_of_now(lampi: Lampi, ada: User) -> None:
    stale = Lampi.named("b827ebba0387")
    lampi.associate_and_publish_associated_msg(ada, NOW)
    release("b827ebba0387", NOW)
    stale.publish_unassociated_msg()
    assert told() == [(TOPIC, unassociated(Lampi.named("b827ebba0387").association_code))]


def test_a_forgotten_lamp_is_refused(lampi: Lampi, ada: User) -> None:
    stale = Lampi.named("b827ebba0387")
    lampi.delete_instance()
    with pytest.raises(UnknownLamp):
        stale.publish_unassociated_msg()
    with pytest.raises(UnknownLamp):
        stale.associate_and_publish_associated_msg(ada, NOW)


def test_deleting_a_lamp_has_its_retained_message_cleared(lampi: Lampi) -> None:
    lampi.publish_unassociated_msg()
    assert lampi.delete_instance() == 1
    assert told() == [(TOPIC, b"")]
    assert Lampi.select().count() == 0


@pytest.mark.parametrize("verb", ["publish_unassociated_msg", "associate_and_publish_associated_msg"])
def test_the_change_and_its_message_are_one_transaction(
    lampi: Lampi, ada: User, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_messages: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(outbox, "put", fail)
    with pytest.raises(ZeroDivisionError):
        getattr(lampi, verb)(*([ada] if verb.startswith("associate") else []))
    assert Lampi.named("b827ebba0387").user is None


def test_short_codes_of_waiting_lamps_differ_even_when_chance_is_against_it(
    lampi: Lampi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dealt() -> Iterator[str]:
        yield lampi.association_code[:6] + "0" * 26  # as the waiting lamp's
        yield "aaaaaa" + "0" * 26
        yield "aaaaaa" + "1" * 26  # as the one before
        number = 0
        while True:
            yield f"{number:06x}" + "2" * 26
            number += 1

    dealer = dealt()
    monkeypatch.setattr(models, "generate_association_code", lambda: next(dealer))
    codes = Lampi.fresh_codes(3)
    shorts = {code[:6] for code in codes}
    assert len(shorts) == 3
    assert lampi.association_code[:6] not in shorts


def test_thousands_of_codes_at_once_may_collide_with_waiting_lamps(
    lampi: Lampi, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(10_000))

    def dealt() -> str:
        number = next(numbers)
        return lampi.association_code[:6] + "0" * 26 if number % 700 == 3 else f"{number:06x}" + "2" * 26

    monkeypatch.setattr(models, "generate_association_code", dealt)
    codes = Lampi.fresh_codes(2000)
    assert len({code[:6] for code in codes}) == 2000
    assert lampi.association_code[:6] not in {code[:6] for code in codes}


def test_the_database_itself_refuses_two_waiting_lamps_with_one_short_code(lampi: Lampi, ada: User) -> None:
    same = lampi.association_code[:6] + "f" * 26
    with pytest.raises(peewee.IntegrityError):
        Lampi.create(device_id="b827ebba0388", association_code=same)
    lampi.associate_and_publish_associated_msg(ada, NOW)
    Lampi.create(device_id="b827ebba0388", association_code=same)


def test_a_user_who_owns_a_lamp_can_not_vanish(lampi: Lampi, ada: User) -> None:
    lampi.associate_and_publish_associated_msg(ada, NOW)
    with pytest.raises(peewee.IntegrityError):
        ada.delete_instance()
