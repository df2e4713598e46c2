"""What the chaos suite counts as a broken guarantee of resets and of requested states, and what not."""

import pytest

from tests.soak.event_log import Event, What
from tests.soak.reset_ledger import ResetLedger
from tests.soak.state_ledger import STEPS, Asked, Heard, Stalls, StateLedger

LAMP, CODE = "b827eb00000b", "0123456789abcdef" * 2
ADA, BOB = 1, 2
SINCE, LATER = "2026-01-01", "2026-01-02"
CLAIMED = 1000.0


def stage(name: str, user: int = ADA, since: str = SINCE) -> Event:
    return Event(0, LAMP, What.STAGE, user, since=since, word=f"{name} ticket of {user}")


def released(user: int = ADA, since: str = SINCE) -> Event:
    return Event(0, LAMP, What.OWNER, user, None, since, CODE)


DAY_PASSED, RESET = Event(0, LAMP, What.DAY_PASSED), Event(0, LAMP, What.RESET)
OFFERED, REQUESTED, REFUSED = (stage(name) for name in ("offered", "requested", "refused"))
HANDED_OVER = Event(0, LAMP, What.OWNER, ADA, BOB, SINCE, CODE)


def found_in_resets(*events: Event) -> list[str]:
    ledger = ResetLedger({LAMP: {"ticket of 1", "ticket of 2"}})
    return [what for event in events for what in ledger.take(event)] + list(ledger.unfinished())


@pytest.mark.parametrize(
    "events",
    [
        (OFFERED, REQUESTED, DAY_PASSED, RESET, released()),
        (OFFERED, REQUESTED, REFUSED, DAY_PASSED, OFFERED, REQUESTED, DAY_PASSED, RESET, released()),
        (OFFERED, REQUESTED, DAY_PASSED, HANDED_OVER, stage("offered", BOB, LATER), stage("requested", BOB, LATER)),
        (OFFERED, released(), stage("offered", ADA, LATER)),
    ],
)
def test_resets_that_keep_every_promise(events: tuple[Event, ...]) -> None:
    assert found_in_resets(*events) == []


@pytest.mark.parametrize(
    ("events", "broken"),
    [
        ((OFFERED, REQUESTED, DAY_PASSED, REFUSED, RESET, released()), "although that was refused"),
        ((OFFERED, REQUESTED, REFUSED, DAY_PASSED, RESET, released()), "although that was refused"),
        ((RESET, released()), "although that was never asked"),
        ((OFFERED, REQUESTED, RESET, released()), "before its owner's day was over"),
        ((OFFERED, REQUESTED, DAY_PASSED, HANDED_OVER, RESET, released(BOB, LATER)), "from another owner"),
        ((OFFERED, REQUESTED, DAY_PASSED, RESET, released(since=LATER)), "from another owner"),
        ((OFFERED, REQUESTED, DAY_PASSED, RESET, HANDED_OVER), "from another owner"),
        ((OFFERED, REQUESTED, DAY_PASSED, RESET), "kept its owner"),
        ((OFFERED, stage("requested", BOB, LATER)), "was not offered before"),
        ((OFFERED, REFUSED), "was not requested before"),
    ],
)
def test_a_reset_that_breaks_a_promise(events: tuple[Event, ...], broken: str) -> None:
    (found,) = found_in_resets(*events)
    assert broken in found


def test_a_reset_that_the_lamp_did_not_confirm_breaks_a_promise() -> None:
    ledger = ResetLedger({LAMP: {"ticket of before"}})
    assert [list(ledger.take(event)) for event in (OFFERED, REQUESTED)] == [
        [],
        [f"{LAMP}: a reset was requested that the lamp did not confirm"],
    ]


class Requested:
    """One request of Ada's, number 1, and its ledger."""

    def __init__(self) -> None:
        self.stalls = Stalls()
        self.started_at: list[float] = []
        self.ledger = StateLedger(self.stalls, self.started_at)
        self.value = self.ledger.expect(Asked(LAMP, "ada", CLAIMED))

    def noted(self, what: What, owner: int | None = ADA, number: int = 5) -> Event:
        return Event(number, LAMP, what, ADA, owner, value=self.value)

    def found(self, *events: Event, heard: tuple[Heard, ...] = (), answered_at: float = 0.0) -> list[str]:
        return list(self.ledger.take(events, heard, {LAMP: answered_at}))


def heard(after: float = 0.5, *, number: int = 1, by_bridge: bool = False) -> Heard:
    return Heard(LAMP, CLAIMED + after, number=number, by_bridge=by_bridge)


def test_a_request_that_is_made_published_heard_and_confirmed_keeps_every_promise() -> None:
    request = Requested()
    assert round(request.value * STEPS) == 1
    events = [request.noted(what) for what in (What.ASKED, What.PUBLISHED, What.CONFIRMED)]
    late_code = Heard(LAMP, CLAIMED + 2, code=CODE)
    release = Event(6, LAMP, What.OWNER, ADA, None, word=CODE)
    assert request.found(*events, release, heard=(heard(), late_code), answered_at=CLAIMED + 1) == []
    assert request.ledger.counts["heard"] == 1


@pytest.mark.parametrize("what", [What.ASKED, What.PUBLISHED])
@pytest.mark.parametrize("owner", [BOB, None])
def test_a_request_of_someone_else_than_the_owner_breaks_a_promise(what: What, owner: int | None) -> None:
    request = Requested()
    (found,) = request.found(request.noted(what, owner))
    assert f"was {what} when ada did not own the lamp" in found


@pytest.mark.parametrize("by_bridge", [False, True])
def test_a_request_that_is_heard_after_its_life_breaks_a_promise(by_bridge: bool) -> None:
    request = Requested()
    assert request.found(heard=(heard(12.9, by_bridge=by_bridge),)) == []
    (found,) = request.found(heard=(heard(13.1, by_bridge=by_bridge),))
    assert "it lived 11.0 s" in found
    request.stalls.add(CLAIMED - 5, CLAIMED + 3)
    assert request.found(heard=(heard(15.9, by_bridge=by_bridge),)) == []


def test_a_request_that_a_starting_broker_keeps_for_ever_is_not_the_daemon_s() -> None:
    request = Requested()
    request.started_at += [CLAIMED + 4, CLAIMED + 20]
    assert len(request.found(heard=(heard(30, by_bridge=True),))) == 1
    request.started_at.append(CLAIMED + 10.5)
    assert request.found(heard=(heard(30, by_bridge=True),)) == []
    request.stalls.add(CLAIMED + 20, CLAIMED + 40)  # later, and of no account
    assert request.found(heard=(heard(90, by_bridge=True),)) == []
    assert len(request.found(heard=(heard(90),))) == 1


def test_a_request_that_is_heard_after_the_code_of_a_later_release_breaks_a_promise() -> None:
    request = Requested()
    asked, release = request.noted(What.ASKED), Event(6, LAMP, What.OWNER, ADA, None, word=CODE)
    (found,) = request.found(asked, release, heard=(Heard(LAMP, CLAIMED, code=CODE), heard()))
    assert "after the code of a later release" in found


def test_a_request_that_was_never_made_breaks_a_promise() -> None:
    request = Requested()
    assert len(request.found(heard=(heard(number=2),))) == 1
    assert len(request.found(Event(1, LAMP, What.ASKED, ADA, ADA, value=2 / STEPS))) == 1


def test_a_request_that_is_confirmed_without_an_answer_breaks_a_promise() -> None:
    request = Requested()
    confirmed = request.noted(What.CONFIRMED)
    assert request.found(confirmed, answered_at=CLAIMED - 9) == []  # to a request before
    assert len(request.found(confirmed, answered_at=CLAIMED - 11)) == 1
