"""Lamps, users, and the two methods of LAMPI's model."""

import itertools
from collections.abc import Sequence

import peewee
import pytest

from cloud.db.database import write_transaction
from cloud.errors import AlreadyAssociated, UnknownLamp
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services import lamps
from cloud.services.claiming import release
from cloud.services.lamps import register_lamps
from cloud.store import codes, outbox
from cloud.store.lamps import Lampi, User
from shared.protocol.codes import is_association_code
from tests.cloud.conftest import NOW
from tests.support.loop import WITHDRAWN

TOPIC = "devices/b827ebba0387/lamp/associated"


@pytest.fixture
def lampi(database: peewee.Database) -> Lampi:
    made: Lampi = Lampi.create(device_id="b827ebba0387")
    return made


def enqueued() -> list[tuple[str, bytes]]:
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


def test_no_short_code_is_longer_than_the_setting_allows(
    database: peewee.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`LAMPI_SHORT_CODE_LENGTH=6-6`, and chance that gives the code of another lamp three times."""
    announce(CodePolicy(longest=6))
    codes_by_chance = (
        f"{short}{number:026x}" for number, short in enumerate(["a" * 6] * 4 + ["b" * 6, *["a" * 6] * 3])
    )
    dealt = itertools.chain(codes_by_chance, (f"c{number:05x}{number:026x}" for number in itertools.count()))
    monkeypatch.setattr(codes, "_generate", lambda count: list(itertools.islice(dealt, count)))
    register_lamps(["b827ebba0387"], NOW)
    register_lamps(["b827ebba0388"], NOW)
    other = Lampi.named("b827ebba0388")
    assert (other.short_code_length, other.association_code[:6]) == (6, "b" * 6)
    with write_transaction():
        lamps.issue_codes([other], NOW)
    assert (other.short_code_length, other.association_code[:6]) == (6, "c00000")


def test_publish_unassociated_msg_publishes_the_code(lampi: Lampi) -> None:
    lampi.publish_unassociated_msg()
    assert enqueued() == [(TOPIC, unassociated(lampi.association_code))]


def test_associating_sets_the_owner_and_publishes_it(lampi: Lampi, ada: User) -> None:
    lampi.associate_and_publish_associated_msg(ada, NOW)
    stored = Lampi.named("b827ebba0387")
    assert (stored.user, stored.associated_at) == (ada, NOW)
    assert (lampi.user, lampi.associated_at) == (ada, NOW)
    assert enqueued() == [(TOPIC, b'{"associated": true}')]


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
    assert enqueued() == [(TOPIC, b'{"associated": true}')]


def test_an_object_older_than_the_code_publishes_the_code_of_now(lampi: Lampi, ada: User) -> None:
    stale = Lampi.named("b827ebba0387")
    lampi.associate_and_publish_associated_msg(ada, NOW)
    release("b827ebba0387", NOW)
    stale.publish_unassociated_msg()
    assert enqueued() == [(TOPIC, unassociated(Lampi.named("b827ebba0387").association_code))]


def test_a_forgotten_lamp_is_refused(lampi: Lampi, ada: User) -> None:
    stale = Lampi.named("b827ebba0387")
    lampi.delete_instance()
    with pytest.raises(UnknownLamp):
        stale.publish_unassociated_msg()
    with pytest.raises(UnknownLamp):
        stale.associate_and_publish_associated_msg(ada, NOW)


def test_deleting_a_lamp_has_its_message_withdrawn(lampi: Lampi) -> None:
    lampi.publish_unassociated_msg()
    assert lampi.delete_instance() == 1
    assert enqueued() == [(TOPIC, WITHDRAWN)]
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


def test_the_database_itself_refuses_two_waiting_lamps_with_one_short_code(lampi: Lampi, ada: User) -> None:
    same = lampi.association_code[:6] + "f" * 26
    with pytest.raises(peewee.IntegrityError):
        Lampi.create(device_id="b827ebba0388", association_code=same)
    Lampi.create(device_id="b827ebba0389", association_code=same[:-1] + "e", short_code_length=7)
    lampi.associate_and_publish_associated_msg(ada, NOW)
    Lampi.create(device_id="b827ebba0388", association_code=same)


def test_a_user_who_owns_a_lamp_can_not_vanish(lampi: Lampi, ada: User) -> None:
    lampi.associate_and_publish_associated_msg(ada, NOW)
    with pytest.raises(peewee.IntegrityError):
        ada.delete_instance()


def test_a_burst_with_a_known_lamp_registers_the_others(database: peewee.Database) -> None:
    Lampi.create(device_id="b827ebba0388")
    assert register_lamps(["b827ebba0387", "b827ebba0388", "b827ebba0389"], NOW) == ["b827ebba0387", "b827ebba0389"]
    assert [message.topic[8:20] for message in outbox.pending(after=0, limit=10)] == ["b827ebba0387", "b827ebba0389"]


def test_a_taken_code_is_replaced(database: peewee.Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two lamps never wait under one short code, though registering looks for it only once the database refuses."""
    Lampi.create(device_id="b827ebba0388", association_code="a" * 32)
    drawn = iter(["a" * 32, "b" * 32, "a" * 32, "c" * 32, "d" * 32, "e" * 32])
    monkeypatch.setattr(codes, "_generate", lambda count: list(itertools.islice(drawn, count)))
    assert register_lamps(["b827ebba0387", "b827ebba0389"], NOW) == ["b827ebba0387", "b827ebba0389"]
    assert {Lampi.named(each).association_code[0] for each in ("b827ebba0387", "b827ebba0389")} == {"c", "d"}
    assert outbox.last_version() == 2


def test_where_codes_are_scarce_they_are_looked_up_first(
    database: peewee.Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    def look_up(drawn: Sequence[str]) -> set[str]:
        looked_up.extend(drawn)
        return set()

    monkeypatch.setattr(Lampi, "short_codes_among", look_up)
    monkeypatch.setattr(lamps, "live_code_count", lambda *_: 16**6 // 2)
    register_lamps(["b827ebba0387"], NOW)
    assert not looked_up
    register_lamps(["b827ebba0388", "b827ebba0389"], NOW)
    assert len(looked_up) == 2
