"""What the chaos suite counts as a broken guarantee of owners, and what not; `test_ledgers.py` has the rest."""

import pytest

from tests.soak.model import ABSENT, NOBODY, OK, REFUSED, UNKNOWN, Model, ModelLamp, Outcome, Violations


def refused(verb: str, reason: str) -> Outcome:
    return Outcome(verb, None, None, REFUSED, reason)


def applied(lamp: ModelLamp, *outcomes: Outcome) -> list[str]:
    violations = Violations()
    Model(violations).apply(lamp, outcomes)
    return violations.found


def a_lamp(*possible: str, up: bool = False) -> ModelLamp:
    return ModelLamp("b827eb00000a", possible=set(possible), up=up)


def test_a_lamp_that_comes_up_between_two_calls_is_refused_for_two_reasons() -> None:
    lamp = a_lamp(ABSENT, up=True)
    assert applied(lamp, refused("release", "UnknownLamp"), refused("release", "NotAssociated")) == []
    assert lamp.possible == {ABSENT, NOBODY}


@pytest.mark.parametrize(
    ("lamp", "outcome"),
    [
        (a_lamp("user ada"), refused("release", "NotAssociated")),
        (a_lamp("user ada"), refused("release", "UnknownLamp")),
        (a_lamp(ABSENT), refused("release", "NotAssociated")),
        (a_lamp(NOBODY), refused("associate", "AlreadyAssociated")),
    ],
)
def test_a_refusal_that_contradicts_what_was_reported_breaks_a_promise(lamp: ModelLamp, outcome: Outcome) -> None:
    assert len(applied(lamp, outcome)) == 1


def test_a_lamp_that_can_not_have_come_up_is_refused_for_one_reason() -> None:
    lamp = a_lamp(ABSENT, NOBODY)
    found = applied(lamp, refused("release", "UnknownLamp"), refused("release", "NotAssociated"))
    assert any("exclude one another" in violation for violation in found)


def test_two_successes_at_once_break_a_promise() -> None:
    won = [Outcome("associate", user, None, OK) for user in ("ada", "bob")]
    assert any("succeeded 2 times" in violation for violation in applied(a_lamp(NOBODY), *won))


def test_an_offer_that_two_users_take_breaks_a_promise() -> None:
    lamp = a_lamp("user ada")
    taken = [Outcome("take", user, "b71e09", OK, device_id=lamp.device_id) for user in ("bob", "cleo")]
    assert any("succeeded 2 times" in violation for violation in applied(lamp, *taken))
    lost = [
        Outcome("take", user, "b71e09", REFUSED, reason)
        for user, reason in (("ada", "OwnOffer"), ("cleo", "UnknownCode"))
    ]
    lamp = a_lamp("user ada")
    assert applied(lamp, *taken[:1], *lost) == []
    assert lamp.possible == {"user bob"}


def test_an_offer_of_what_has_no_owner_can_t_be_taken() -> None:
    lamp = a_lamp(NOBODY)
    assert len(applied(lamp, Outcome("take", "bob", "b71e09", OK, device_id=lamp.device_id))) == 1


def test_a_refusal_beside_a_caller_that_died_says_nothing() -> None:
    lamp = a_lamp("user ada")
    assert applied(lamp, Outcome("release", None, None, UNKNOWN), refused("release", "NotAssociated")) == []
    assert lamp.possible == {"user ada", NOBODY}


def test_a_lamp_whose_reset_may_be_due_keeps_its_owner_or_has_none() -> None:
    lamp = a_lamp("user ada")
    lamp.reset_due_at = 1.0
    assert lamp.admitted() == {"user ada", NOBODY}
    assert applied(lamp, refused("release", "NotAssociated")) == []
    assert applied(lamp, Outcome("associate", "bob", None, OK)) == []
    assert lamp.admitted() == {"user bob"}, "a reset asked against one owner took the lamp from the next"
    assert len(applied(lamp, refused("release", "NotAssociated"))) == 1


def test_a_reset_that_becomes_due_while_a_lamp_changes_hands_may_be_of_either_owner() -> None:
    lamp, model = a_lamp("user ada"), Model(Violations())
    lamp.reset_due_at = 2.0
    model.apply(lamp, [Outcome("take", "bob", None, OK)], began=1.0)
    assert lamp.admitted() == {"user bob", NOBODY}
