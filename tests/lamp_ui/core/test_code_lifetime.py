"""The remaining lifetime of a code: known if the screen was connected when it was issued, and never guessed."""

from math import inf

import pytest

from lamp_ui.core.code_lifetime import ANNOUNCED_SECONDS, CodeLifetime
from shared.protocol.payloads import Associated, Unassociated

CODE, OTHER = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff", "5f02c8aa11d34e6b9c7d0e1f2a3b4c5d"
FRESH = Unassociated(CODE, good_for=900)


def life_after_hearing_of_it() -> CodeLifetime:
    life = CodeLifetime()
    life.receive(None, 0)
    life.receive(FRESH, 100)
    return life


def test_the_last_minute_is_counted_in_steps() -> None:
    life = life_after_hearing_of_it()
    assert life.next_at(100) == 1000 - ANNOUNCED_SECONDS
    assert [life.at(at).seconds_left for at in (100, 939.9, 940, 950, 951, 990, 999.9, 1000)] == [
        *(None, None, 60, 50, 50, 10, 10, None),
    ]
    assert (life.next_at(940), life.next_at(951), life.next_at(999)) == (950, 960, 1000)
    assert not life.expired(999.9)
    assert life.expired(1000)
    assert life.next_at(1000) == inf


@pytest.mark.parametrize("reconnected", [True, False])
def test_a_message_that_may_have_been_retained_for_long_says_nothing(reconnected: bool) -> None:
    life = life_after_hearing_of_it() if reconnected else CodeLifetime()
    if reconnected:
        life.connect()
    life.receive(Unassociated(OTHER, good_for=900), 200)
    assert life.next_at(200) == inf
    assert not life.expired(10_000)
    life.receive(FRESH, 300)
    assert life.expired(1200)


def test_the_same_code_again_goes_on_as_it_was() -> None:
    life = life_after_hearing_of_it()
    life.connect()
    life.receive(FRESH, 500)
    life.receive(Unassociated(CODE, identify="now", good_for=900), 600)
    assert life.at(960).seconds_left == 40


@pytest.mark.parametrize("then", [Unassociated(OTHER), Associated(), None])
def test_codes_that_never_expire_and_lamps_without_a_code_have_no_end(then: Unassociated | Associated | None) -> None:
    life = life_after_hearing_of_it()
    life.receive(then, 500)
    assert (life.next_at(990), life.at(990).seconds_left, life.expired(5000)) == (inf, None, False)


def test_another_time_to_live_for_the_same_code_counts_from_when_it_was_issued() -> None:
    life = life_after_hearing_of_it()
    life.receive(Unassociated(CODE, good_for=600), 200)
    assert (life.expired(699), life.expired(700)) == (False, True)
    life.receive(Unassociated(CODE), 300)
    assert not life.expired(10_000)
