"""The guess budget at work: who is throttled by what, for how long, and who never is."""

from datetime import timedelta

import peewee
import pytest

from cloud.errors import MalformedCode, TooManyGuesses, UnknownCode
from cloud.rate_limit.guess_counts import GuessCount
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import add_user, associate_by_code, associate_by_device_id, release, rotate_code
from cloud.store.audit_log import History
from cloud.store.lamps import Lampi, User
from tests.cloud.conftest import NOW
from tests.support.networks import NEIGHBOURS, sources_in

pytestmark = pytest.mark.usefixtures("lampi")
CODE = "b71e09c4" * 4
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def lampi(database: peewee.Database) -> Lampi:
    announce(CodePolicy(ttl=None, guesses_per_user=5, guesses_per_source=12, risk=1.0))
    made: Lampi = Lampi.create(device_id="b827ebba0387", association_code=CODE, code_issued_at=NOW)
    return made


def fail(user: User, times: int, source: str = "192.0.2.7", at: timedelta = timedelta(0)) -> None:
    for _ in range(times):
        with pytest.raises(UnknownCode):
            associate_by_code("000000", user, NOW + at, source)


def throttled(user: User, source: str = "192.0.2.7", at: timedelta = timedelta(0), typed: str = "b71e09") -> timedelta:
    with pytest.raises(TooManyGuesses) as refused:
        associate_by_code(typed, user, NOW + at, source)
    return refused.value.retry_after


def test_who_mistypes_a_few_times_gets_in(ada: User) -> None:
    fail(ada, 4)
    assert associate_by_code("b71e09", ada, NOW).user == ada


def test_a_user_who_guesses_on_is_throttled_right_or_wrong(ada: User) -> None:
    fail(ada, 5)
    assert throttled(ada, typed="b71e09") == throttled(ada, typed="000000") == throttled(ada, "198.51.100.9")
    assert Lampi.named("b827ebba0387").user is None


def test_the_others_are_not(ada: User, bob: User) -> None:
    fail(ada, 5)
    throttled(ada)
    assert associate_by_code("b71e09", bob, NOW, "192.0.2.7").user == bob


def test_many_accounts_of_one_source_are_throttled_together(ada: User, bob: User) -> None:
    eve = add_user("eve")
    fail(ada, 5)
    fail(bob, 5)
    fail(eve, 2)
    throttled(eve)
    assert associate_by_code("b71e09", eve, NOW, "198.51.100.9").user == eve


@pytest.mark.parametrize(("bits", "most"), [(56, 2 * 12), (48, 5 * 12)])
def test_the_sources_of_a_wider_network_are_throttled_together(ada: User, bob: User, bits: int, most: int) -> None:
    announce(CodePolicy(ttl=None, guesses_per_user=1000, guesses_per_source=12, risk=1.0))
    sources = sources_in(bits)
    for source in sources[:most]:
        fail(ada, 1, source)
    throttled(bob, sources[most])
    assert associate_by_code("b71e09", bob, NOW, NEIGHBOURS[bits]).user == bob
    assert {row.source for row in History.select().where(History.event == "refused")} == set(sources[: most + 1])


def test_the_neighbours_of_an_ipv4_address_are_not_throttled_with_it(ada: User, bob: User) -> None:
    announce(CodePolicy(ttl=None, guesses_per_user=1000, guesses_per_source=2, risk=1.0))
    for number in range(1, 21):
        fail(ada, 1, f"192.0.2.{number}")
    assert associate_by_code("b71e09", bob, NOW, "192.0.2.21").user == bob


def test_a_full_code_is_never_throttled(ada: User) -> None:
    fail(ada, 5)
    throttled(ada)
    assert associate_by_code(CODE, ada, NOW, "192.0.2.7").user == ada


def test_wrong_full_codes_cost_nothing(ada: User) -> None:
    for _ in range(30):
        with pytest.raises(UnknownCode):
            associate_by_code("f" * 32, ada, NOW)
    assert associate_by_code("b71e09", ada, NOW).user == ada
    assert not GuessCount.select().where(GuessCount.who == "everybody").exists()


def test_malformed_codes_never_count(ada: User) -> None:
    for _ in range(30):
        with pytest.raises(MalformedCode):
            associate_by_code("b71", ada, NOW)
    assert (GuessCount.select().count(), History.select().where(History.event == "refused").count()) == (0, 0)


def test_it_says_when_to_try_again_and_means_it(ada: User) -> None:
    fail(ada, 2)
    fail(ada, 3, at=7 * MINUTE * 60)
    wait = throttled(ada, at=8 * MINUTE * 60)
    assert DAY - 8 * MINUTE * 60 <= wait <= DAY - 7 * MINUTE * 60
    throttled(ada, at=8 * MINUTE * 60 + wait - MINUTE)
    assert associate_by_code("b71e09", ada, NOW + 8 * MINUTE * 60 + wait, "192.0.2.7").user == ada


def test_in_no_window_anywhere_are_there_more_than_the_limit(ada: User) -> None:
    """Tried every half hour for three days: every stretch of a day has five at most, and not far from it."""
    looked_up = []
    for number in range(3 * 48):
        at = NOW + number * 30 * MINUTE
        try:
            associate_by_code("000000", ada, at)
        except UnknownCode:
            looked_up.append(at)
        except TooManyGuesses:
            pass
    most = max(sum(start <= other < start + DAY for other in looked_up) for start in looked_up)
    assert most == 5
    assert len(looked_up) >= 11


@pytest.mark.parametrize(
    ("after", "words"),
    [
        (DAY - MINUTE * 12, "in 72 minutes, or scan the QR code on the lamp's screen."),
        (timedelta(hours=1), "in 24 hours, or"),
        (timedelta(hours=24, minutes=59, seconds=30), "in 1 minute, or"),
    ],
)
def test_the_refusal_is_one_plain_line(ada: User, after: timedelta, words: str) -> None:
    fail(ada, 5)
    with pytest.raises(TooManyGuesses, match=r"^Too many wrong codes\. Try again in ") as refused:
        associate_by_code("b71e09", ada, NOW + after)
    assert words in str(refused.value)


def test_the_limits_survive_a_new_process(ada: User, database: peewee.Database) -> None:
    fail(ada, 5)
    database.close()
    database.connect()
    throttled(ada)


def test_what_no_window_counts_any_more_is_pruned(ada: User, bob: User) -> None:
    fail(ada, 3)
    fail(bob, 1, at=2 * DAY)
    assert {row.who for row in GuessCount.select()} == {f"user {bob.id}", "source 192.0.2.7", "everybody"}
    assert {row.failures for row in GuessCount.select()} == {1}


def test_an_operator_and_owners_are_not_concerned(ada: User, bob: User) -> None:
    fail(ada, 5)
    associate_by_device_id("b827ebba0387", ada, NOW, "192.0.2.7")
    release("b827ebba0387", NOW, "192.0.2.7")


def test_what_the_daemon_has_not_announced_is_usual(ada: User) -> None:
    announce(CodePolicy(ttl=None))
    fail(ada, 10)
    throttled(ada)


class TestTheBudgetOfAll:
    """One lamp with six characters, and a risk of three guesses at it."""

    PRICE = 1 / 16**6

    def test_it_ends_for_everybody(self, ada: User, bob: User) -> None:
        announce(CodePolicy(ttl=None, risk=3.5 * self.PRICE, longest=6))
        fail(ada, 2)
        fail(bob, 1, "198.51.100.9")
        for user in (ada, bob):
            throttled(user, "203.0.113.1")
        assert associate_by_code(CODE, ada, NOW).user == ada

    def test_it_comes_back_as_the_window_passes(self, ada: User, bob: User) -> None:
        announce(CodePolicy(ttl=None, risk=3.5 * self.PRICE, longest=6))
        fail(ada, 3)
        wait = throttled(bob)
        assert DAY <= wait <= DAY + DAY / 24
        assert associate_by_code("b71e09", bob, NOW + wait).user == bob

    def test_half_is_kept_for_codes_that_are_long_enough(self, ada: User, bob: User) -> None:
        announce(CodePolicy(ttl=timedelta(minutes=15), risk=9 * self.PRICE))
        fail(ada, 4)
        assert throttled(bob) == timedelta(minutes=15)  # by then the codes are longer
        rotate_code("b827ebba0387", NOW)
        longer = Lampi.named("b827ebba0387")
        assert longer.short_code_length == 8
        with pytest.raises(UnknownCode):
            associate_by_code(longer.association_code[:7], bob, NOW)
        assert associate_by_code(longer.association_code[:8], bob, NOW).user == bob

    def test_what_can_hit_nothing_costs_nothing(self, ada: User) -> None:
        announce(CodePolicy(ttl=None, risk=0.001))
        Lampi.update(short_code_length=9).execute()
        fail(ada, 9)
        (cost,) = {row.cost for row in GuessCount.select().where(GuessCount.who == "everybody")}
        assert cost == 0.0
