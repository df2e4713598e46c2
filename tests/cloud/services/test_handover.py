"""Handing a lamp over: one code, one new owner, and at no moment none."""

import json
from datetime import timedelta

import peewee
import pytest

from cloud.auth import sessions
from cloud.daemon.maintenance import Maintenance
from cloud.db.timestamps import LONGEST_WAIT
from cloud.errors import (
    AlreadyAssociated,
    NotAssociated,
    NotOffered,
    OwnOffer,
    TooManyChanges,
    UnknownCode,
    UnknownLamp,
)
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import (
    add_user,
    associate_by_code,
    associate_by_device_id,
    forget,
    release,
    still_waiting,
    waiting_under,
)
from cloud.services.handover import hand_over, take
from cloud.services.offering import make_offer, offer_of, offered_by_link, was_handed_over, withdraw
from cloud.services.ownership import recently_claimed, rename
from cloud.store import outbox, webhook_queue
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from cloud.store.offers import GOOD_FOR, Offer
from cloud.store.webhook_queue import WebhookEvent
from shared.protocol.payloads import Associated, decode_association
from tests.cloud.conftest import NOW
from tests.support.changes import use_up_changes

LAMP = "b827ebba0387"
HOME, AWAY = "192.0.2.7", "192.0.2.8"


@pytest.fixture(autouse=True)
def lampi(database: peewee.Database, ada: User) -> Lampi:
    """Give a lamp of Ada's, with a name, of which the broker has everything."""
    announce(CodePolicy())
    webhook_queue.announce_receiver(True)
    Lampi.create(device_id=LAMP)
    associate_by_device_id(LAMP, ada, NOW)
    rename(ada, LAMP, "Kitchen", NOW)
    outbox.remove([message.version for message in outbox.pending(after=0, limit=10)])
    return Lampi.named(LAMP)


@pytest.fixture
def offer(lampi: Lampi, ada: User) -> Offer:
    return make_offer(LAMP, NOW, HOME, ada)


def owner() -> str | None:
    user: User | None = Lampi.named(LAMP).user
    return None if user is None else user.name


def refuse(typed: str, user: User, now: object = NOW) -> None:
    before = owner()
    with pytest.raises(UnknownCode) as refused:
        associate_by_code(typed, user, NOW if now is NOW else now, AWAY)  # type: ignore[arg-type]
    assert str(refused.value) == str(UnknownCode())
    assert owner() == before


@pytest.mark.parametrize("by_link", [True, False])
def test_who_has_the_code_becomes_the_owner(offer: Offer, bob: User, by_link: bool) -> None:
    later = NOW + timedelta(minutes=14)
    typed = offer.code if by_link else offer.short_code.upper()
    assert associate_by_code(typed, bob, later, AWAY).name == "Kitchen"
    lampi = Lampi.named(LAMP)
    assert (lampi.user, lampi.associated_at, lampi.name) == (bob, later, "Kitchen")
    (message,) = outbox.pending(after=0, limit=10)
    assert decode_association(message.payload) == Associated("Kitchen")
    assert lampi.message_version == message.version


def test_an_offer_is_taken_once(offer: Offer, ada: User, bob: User) -> None:
    associate_by_code(offer.short_code, bob, NOW, AWAY)
    for typed in (offer.short_code, offer.code):
        refuse(typed, add_user(f"late {len(typed)}"))
        refuse(typed, ada)
    assert recently_claimed(bob, offer.short_code, NOW) is not None  # a request that is repeated finds the lamp
    assert Offer.select().count() == 0


def test_the_owner_who_takes_the_own_offer_changes_nothing(offer: Offer, ada: User, bob: User) -> None:
    with pytest.raises(OwnOffer):
        associate_by_code(offer.short_code, ada, NOW, HOME)
    assert owner() == "ada"
    associate_by_code(offer.short_code, bob, NOW, AWAY)
    assert owner() == "bob"


def end_by_release(ada: User) -> None:
    release(LAMP, NOW)


def end_by_release_and_claim(ada: User) -> None:
    release(LAMP, NOW)
    associate_by_device_id(LAMP, ada, NOW)


def end_by_forgetting(ada: User) -> None:
    forget(LAMP, NOW)
    Lampi.create(device_id=LAMP, user=ada, associated_at=NOW)


def end_by_deletion_in_the_shell(ada: User) -> None:
    Lampi.delete().where(Lampi.device_id == LAMP).execute()
    Lampi.create(device_id=LAMP, user=ada, associated_at=NOW)


def end_by_operator(ada: User) -> None:
    hand_over(LAMP, add_user("cleo"), NOW, "command line (root)")


def end_by_sql(ada: User) -> None:
    Lampi.update(user=add_user("cleo")).execute()


def end_by_withdrawing(ada: User) -> None:
    withdraw(LAMP, NOW, HOME, ada)


def end_by_another_offer(ada: User) -> None:
    make_offer(LAMP, NOW, HOME, ada)


ENDS = {
    function.__name__.removeprefix("end_by_"): function
    for function in (
        end_by_release,
        end_by_release_and_claim,
        end_by_forgetting,
        end_by_deletion_in_the_shell,
        end_by_operator,
        end_by_sql,
        end_by_withdrawing,
        end_by_another_offer,
        sessions.end_all,
    )
}


@pytest.mark.parametrize("how", ENDS)
def test_an_offer_ends(offer: Offer, ada: User, bob: User, how: str) -> None:
    """`end_all` is what a new password does: who made the offer may be a stranger who was signed in."""
    waiting_under(offer.code, bob, NOW, AWAY)
    ENDS[how](ada)
    for typed in (offer.short_code, offer.code):
        refuse(typed, bob)
    with pytest.raises(UnknownCode):
        still_waiting(LAMP, offer.code, NOW)
    assert offered_by_link(offer.code, NOW) is None


@pytest.mark.parametrize("how", ENDS)
def test_an_offer_that_ends_after_it_was_looked_up_is_not_taken(offer: Offer, ada: User, bob: User, how: str) -> None:
    ENDS[how](ada)
    before = owner()
    assert take(offer, bob, NOW, AWAY) is None
    assert owner() == before


def test_an_offer_is_a_change_and_to_withdraw_it_is_none(ada: User) -> None:
    use_up_changes(ada, NOW, but=1)
    make_offer(LAMP, NOW, HOME, ada)
    with pytest.raises(TooManyChanges):
        make_offer(LAMP, NOW, HOME, ada)
    withdraw(LAMP, NOW, HOME, ada)


@pytest.mark.parametrize("later", [GOOD_FOR, timedelta(days=3), -LONGEST_WAIT - timedelta(seconds=1)])
def test_an_offer_is_good_for_15_minutes_and_the_daemon_deletes_it(
    offer: Offer, ada: User, bob: User, later: timedelta
) -> None:
    """One from the future was made under a wrong clock."""
    refuse(offer.code, bob, NOW + later)
    with pytest.raises(NotOffered):
        offer_of(LAMP, NOW + later, ada)
    Maintenance().step(NOW + GOOD_FOR - timedelta(seconds=1), 1.0)
    assert Offer.select().count() == 1
    Maintenance().step(NOW + later, 1.0)
    assert Offer.select().count() == 0
    assert owner() == "ada"


def test_another_offer_takes_its_place(offer: Offer, ada: User, bob: User) -> None:
    second = make_offer(LAMP, NOW, HOME, ada)
    assert (second.code != offer.code, offer_of(LAMP, NOW, ada)) == (True, second)
    refuse(offer.code, bob)
    associate_by_code(second.short_code, bob, NOW, AWAY)
    assert owner() == "bob"


def test_anothers_lamp_can_t_be_offered_nor_its_offer_be_seen_or_withdrawn(offer: Offer, bob: User) -> None:
    for act in (
        lambda: make_offer(LAMP, NOW, AWAY, bob),
        lambda: offer_of(LAMP, NOW, bob),
        lambda: withdraw(LAMP, NOW, AWAY, bob),
        lambda: make_offer("b827ebba0388", NOW, AWAY, bob),
    ):
        with pytest.raises(UnknownLamp):
            act()
    assert offer_of(LAMP, NOW) == offer


def test_a_former_owner_s_offer_is_not_the_new_owner_s(offer: Offer, bob: User) -> None:
    end_by_sql(bob)
    with pytest.raises(NotOffered):
        offer_of(LAMP, NOW, Lampi.named(LAMP).user)


def test_what_has_no_owner_can_t_be_offered_or_handed_over(bob: User) -> None:
    release(LAMP, NOW)
    for act in (lambda: make_offer(LAMP, NOW, HOME), lambda: hand_over(LAMP, bob, NOW, HOME)):
        with pytest.raises(NotAssociated):
            act()


def test_an_operator_hands_over_without_an_offer(offer: Offer, bob: User) -> None:
    assert hand_over(LAMP, bob, NOW, "command line (root)").user == bob
    with pytest.raises(AlreadyAssociated):
        hand_over(LAMP, bob, NOW, "command line (root)")
    assert was_handed_over(User.get(User.name == "ada"), LAMP, NOW)


def test_history_and_webhook_tell_of_it_and_have_no_code(offer: Offer, ada: User, bob: User) -> None:
    make_offer(LAMP, NOW, HOME, ada)
    withdraw(LAMP, NOW, HOME, ada)
    last = make_offer(LAMP, NOW, HOME, ada)
    refuse(offer.code, bob)
    associate_by_code(last.short_code, bob, NOW, AWAY)
    history = History.select().where(History.event != "user added").order_by(History.id)
    assert [(row.event, row.user_name, row.new_owner, row.source) for row in history] == [
        ("associated", "ada", None, "shell"),
        ("offered", "ada", None, HOME),
        ("offered", "ada", None, HOME),
        ("offer withdrawn", "ada", None, HOME),
        ("offered", "ada", None, HOME),
        ("refused", "bob", None, AWAY),
        ("handed over", "ada", "bob", AWAY),
    ]
    body = json.loads(WebhookEvent.select().order_by(WebhookEvent.id.desc()).first().body)
    assert body["type"] == "lamp.handed_over"
    assert body["data"] == {"device_id": LAMP, "name": "Kitchen", "user": "bob", "former_user": "ada"}
    told = str(list(History.select().dicts())) + str(list(WebhookEvent.select().dicts()))
    for code in (offer.short_code, last.short_code):
        assert code not in told
    assert offer.code not in repr(offer)


def test_the_lamp_is_handed_over_and_told_of_in_one_transaction(
    offer: Offer, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_arguments: object, **_named: object) -> None:
        raise RuntimeError("the power is cut")

    monkeypatch.setattr("cloud.store.webhook_queue.write", fail)
    history = History.select().count()
    with pytest.raises(RuntimeError):
        associate_by_code(offer.code, bob, NOW, AWAY)
    assert (owner(), offer_of(LAMP, NOW), outbox.pending(after=0, limit=10)) == ("ada", offer, [])
    assert History.select().count() == history
