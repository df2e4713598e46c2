"""The codes of offers in the guess budget: they can be guessed like those of lamps, and count like them."""

from datetime import timedelta

import peewee
import pytest

from cloud.errors import TooManyGuesses, UnknownCode
from cloud.rate_limit.guess_counts import EVERYONE, cost_of, slots_of
from cloud.rate_limit.live_codes import codes_can_grow, live_codes
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import associate_by_code, associate_by_device_id
from cloud.services.lamps import register_lamps
from cloud.services.offering import make_offer
from cloud.store.lamps import Lampi, User
from cloud.store.offers import GOOD_FOR, Offer
from tests.cloud.conftest import NOW

POLICY = CodePolicy(guesses_per_user=3)
HOME = "192.0.2.7"


@pytest.fixture
def offer(database: peewee.Database, ada: User) -> Offer:
    announce(POLICY)
    Lampi.create(device_id="b827ebba0387")
    associate_by_device_id("b827ebba0387", ada, NOW)
    return make_offer("b827ebba0387", NOW, HOME, ada)


def wrong(offer: Offer) -> str:
    return f"{int(offer.short_code, 16) ^ 1:0{offer.short_code_length}x}"


def test_a_wrong_code_costs_what_it_could_have_hit(offer: Offer, bob: User) -> None:
    assert live_codes(POLICY, NOW) == {offer.short_code_length: 1}
    register_lamps(["b827ebba0388"], NOW)
    assert sum(live_codes(POLICY, NOW).values()) == 2
    length = max(live_codes(POLICY, NOW))
    with pytest.raises(UnknownCode):
        associate_by_code("0" * length, bob, NOW, HOME)
    assert cost_of(slots_of([EVERYONE], POLICY, NOW)[EVERYONE]) == pytest.approx(2 / 16**length)
    assert sum(live_codes(POLICY, NOW + GOOD_FOR).values()) == 1


@pytest.mark.parametrize("limit", ["user", "address"])
def test_a_user_and_an_address_have_few_guesses(offer: Offer, bob: User, limit: str) -> None:
    if limit == "address":
        announce(CodePolicy(guesses_per_source=3))
    for _ in range(3):
        with pytest.raises(UnknownCode):
            associate_by_code(wrong(offer), bob, NOW, HOME)
    with pytest.raises(TooManyGuesses):
        associate_by_code(offer.short_code, bob, NOW, HOME)
    assert associate_by_code(offer.code, bob, NOW, HOME).user == bob  # the link can't be guessed


def test_the_code_is_as_long_as_the_budget_requires(offer: Offer, ada: User) -> None:
    assert offer.short_code_length == 6  # one lamp, one account
    lamps = [f"b827ec{number:06x}" for number in range(400)]
    register_lamps(lamps, NOW)
    again = make_offer("b827ebba0387", NOW, HOME, ada)
    assert again.short_code_length == 8
    shown = {lampi.association_code[:8] for lampi in Lampi.select().where(Lampi.user.is_null())}
    assert again.short_code not in shown


def test_budget_is_kept_for_offers_beside_codes_that_never_grow(offer: Offer) -> None:
    assert codes_can_grow(POLICY, NOW)
    assert not codes_can_grow(POLICY, NOW + GOOD_FOR + timedelta(seconds=1))
