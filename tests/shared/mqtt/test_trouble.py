"""Connections that the broker accepts and ends: pauses that grow, and a rival that is named."""

from shared.mqtt.trouble import LONGEST_PAUSE_SECONDS, RIVAL_AFTER, STEADY_SECONDS, Trouble, TroubleWatch


class Told:
    """A watch, what it told, and its clock."""

    def __init__(self) -> None:
        self.told: list[Trouble | None] = []
        self.watch = TroubleWatch(self.told.append)
        self.now = 0.0

    def connect_for(self, seconds: float) -> bool:
        self.watch.accepted(self.now)
        self.now += seconds
        return self.watch.lost(self.now)


def test_a_rival_is_named_once_and_the_pauses_grow() -> None:
    told = Told()
    assert [told.connect_for(1) for _ in range(RIVAL_AFTER)] == [False] * (RIVAL_AFTER - 1) + [True]
    assert told.told == [Trouble.TAKEN_OVER]
    pauses = []
    for _ in range(7):
        pauses.append(told.watch.pause)
        assert not told.connect_for(pauses[-1])
    assert pauses == [2, 4, 8, 16, 30, 30, LONGEST_PAUSE_SECONDS]
    assert told.told == [Trouble.TAKEN_OVER]


def test_a_connection_that_lasts_ends_it() -> None:
    told = Told()
    for _ in range(RIVAL_AFTER):
        told.connect_for(1)
    told.watch.accepted(told.now)
    told.watch.tick(told.now + STEADY_SECONDS - 0.1)
    assert told.told == [Trouble.TAKEN_OVER]
    told.watch.tick(told.now + STEADY_SECONDS)
    assert told.told == [Trouble.TAKEN_OVER, None]
    told.watch.lost(told.now + STEADY_SECONDS)
    assert told.watch.pause == 1
    assert not told.connect_for(1)
    assert told.told == [Trouble.TAKEN_OVER, None]


def test_a_broker_that_was_away_in_between_is_no_rival() -> None:
    told = Told()
    for _ in range(10):
        assert not told.connect_for(1)
        told.watch.failed()
    assert (told.told, told.watch.pause) == ([], 1)


def test_a_refused_subscription_is_reported_until_the_next_connection() -> None:
    told = Told()
    told.watch.accepted(0)
    told.watch.refused()
    told.watch.refused()
    told.watch.tick(1000)
    assert told.told == [Trouble.REFUSED]
    told.watch.lost(1000)
    assert told.told == [Trouble.REFUSED, None]


def test_of_a_broker_that_is_gone_nothing_else_is_known() -> None:
    told = Told()
    for _ in range(RIVAL_AFTER):
        told.connect_for(1)
    told.watch.failed()
    assert told.told == [Trouble.TAKEN_OVER, None]


def test_a_connection_that_we_cut_is_no_sign_of_a_rival() -> None:
    told = Told()
    for _ in range(RIVAL_AFTER):
        told.watch.accepted(told.now)
        told.watch.cut()
        assert not told.watch.lost(told.now + 4)
    assert told.told == []
