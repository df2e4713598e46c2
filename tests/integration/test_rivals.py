"""Concurrent claims of one lamp: one succeeds, the others get one clear line."""

from dataclasses import replace

import pytest

from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services import claiming
from cloud.store.lamps import Lampi
from tests.support.broker import Mosquitto
from tests.support.cloud import Cloud
from tests.support.loop import ASSOCIATED, USER, Loop, code_in, opened_database, retained_state
from tests.support.rivals import WON, let_go, start_rivals

LAMP = "b827ebba0387"
PROCESSES = 8
THREADS = 25
USERS = [f"user{number}" for number in range(PROCESSES)]
UNKNOWN_CODE = "No lamp found for this code. Check the code on the lamp's screen."


@pytest.fixture
def crowd(loop: Loop) -> Cloud:
    """Give the running cloud with a user for each process of rivals."""
    with opened_database(loop.cloud):
        announce(CodePolicy(risk=1.0, guesses_per_user=1000, guesses_per_source=10_000))  # losing is no fault of theirs
        for user in USERS:
            claiming.add_user(user)
    return loop.cloud


@pytest.mark.parametrize("characters", [6, 32])
def test_of_200_rivals_for_a_code_one_wins(loop: Loop, crowd: Cloud, characters: int) -> None:
    code = loop.new_lamp(LAMP)
    rivals = [start_rivals(crowd, "code", code[:characters], user, THREADS) for user in USERS]
    outcomes = let_go(rivals)
    assert outcomes == {WON: 1, UNKNOWN_CODE: PROCESSES * THREADS - 1}
    assert loop.next().payload == ASSOCIATED
    assert loop.settled() == []
    assert crowd.lamps()[LAMP]["user"] in USERS


@pytest.mark.parametrize("limit", ["user", "source", "all"])
def test_200_guessers_at_once_get_no_further_than_the_limit(loop: Loop, crowd: Cloud, limit: str) -> None:
    """Eight users, one source, and a lamp with six characters; each limit in turn is the one that counts."""
    loop.new_lamp(LAMP)
    usual = CodePolicy(ttl=None, risk=1.0, guesses_per_user=1000, guesses_per_source=1000)
    policies = {
        "user": (replace(usual, guesses_per_user=3), 3 * PROCESSES),
        "source": (replace(usual, guesses_per_source=17), 17),
        "all": (replace(usual, risk=23.5 / 16**6, longest=6), 23),
    }
    policy, looked_up = policies[limit]
    with opened_database(crowd):
        announce(policy)
        announced_code = Lampi.named(LAMP).association_code[:6]
    wrong = f"{int(announced_code, 16) ^ 1:06x}"
    outcomes = let_go([start_rivals(crowd, "code", wrong, user, THREADS) for user in USERS])
    assert outcomes[UNKNOWN_CODE] == looked_up
    throttled = {what for what in outcomes if what.startswith("Too many wrong codes.")}
    assert sum(outcomes[what] for what in throttled) == PROCESSES * THREADS - looked_up


def test_of_200_rivals_for_a_device_id_one_wins(loop: Loop, crowd: Cloud) -> None:
    loop.new_lamp(LAMP)
    outcomes = let_go([start_rivals(crowd, "device-id", LAMP, user, THREADS) for user in USERS])
    assert outcomes == {WON: 1, f"The lamp {LAMP} already has an owner.": PROCESSES * THREADS - 1}
    assert loop.next().payload == ASSOCIATED
    assert loop.settled() == []


def test_rivals_on_the_command_line(loop: Loop, crowd: Cloud) -> None:
    code = loop.new_lamp(LAMP)
    rivals = [crowd.start("associate", code[:6].upper(), "--user", user) for user in USERS]
    said = [rival.communicate(timeout=60)[0] for rival in rivals]
    assert sorted(rival.returncode for rival in rivals) == [0] + [1] * (PROCESSES - 1)
    won = [line for line in said if line.startswith(f"The lamp {LAMP} (My LAMPI) now belongs to ")]
    assert len(won) == 1
    assert said.count(f"Error: {UNKNOWN_CODE}\n") == PROCESSES - 1
    assert loop.next().payload == ASSOCIATED


def test_rivals_by_code_by_device_id_and_releasers_together(loop: Loop, crowd: Cloud, broker: Mosquitto) -> None:
    code = loop.new_lamp(LAMP)
    outcomes = let_go(
        [start_rivals(crowd, "code", code, user, THREADS) for user in USERS[:3]]
        + [start_rivals(crowd, "device-id", LAMP, user, THREADS) for user in USERS[3:6]]
        + [start_rivals(crowd, "release", LAMP, user, THREADS) for user in USERS[6:]]
    )
    assert set(outcomes) <= {
        WON,
        UNKNOWN_CODE,
        f"The lamp {LAMP} already has an owner.",
        f"The lamp {LAMP} has no owner; its screen shows its code.",
    }
    # Taking and releasing alternate, whoever does which.
    with opened_database(crowd):
        lampi = Lampi.named(LAMP)
    owned = lampi.user_id is not None
    assert outcomes[WON] % 2 == owned
    loop.settled()
    state = retained_state(broker, LAMP) or b""
    assert state == ASSOCIATED if owned else code_in(state) == lampi.association_code


def test_two_hundred_rivals_for_a_code_that_was_just_taken(loop: Loop, crowd: Cloud) -> None:
    code = loop.new_lamp(LAMP)
    crowd.command("associate", code, "--user", USER)
    assert let_go([start_rivals(crowd, "code", code[:6], USERS[0], 200)]) == {UNKNOWN_CODE: 200}
    assert crowd.lamps()[LAMP]["user"] == USER
