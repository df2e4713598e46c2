"""Stock treatment: who gets it, the repair of those who wait, and popups that reopen."""

from collections.abc import Sequence
from datetime import timedelta

import peewee
import pytest

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.presence import PresenceBatch, PresenceSnapshot
from cloud.daemon.stock_screens import StockTreatment
from cloud.errors import TooManyGuesses, UnknownCode
from cloud.rate_limit.guess_budget import cost
from cloud.rate_limit.live_codes import live_codes
from cloud.rate_limit.policy import CodePolicy, StockScreens, announce, announced
from cloud.services.claiming import (
    associate_by_code,
    associate_by_device_id,
    release,
    still_waiting,
)
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from shared.protocol.payloads import Unassociated, decode_association
from tests.cloud.conftest import NOW
from tests.support.replay import confirm_all, enqueued
from tests.support.stock_treatment import (
    LAMP,
    MONTH,
    OTHER,
    POLICY,
    THIRD,
    WITHDRAWN,
    code_said,
    heard,
    reopened,
    said,
    shown,
)


@pytest.fixture(autouse=True)
def policy(database: peewee.Database) -> None:
    announce(POLICY)


def issued_long_codes(*codes: str, user: User | None = None) -> None:
    for device_id, code in zip((LAMP, OTHER, THIRD), codes, strict=False):
        Lampi.create(
            device_id=device_id,
            association_code=code.ljust(32, "0"),
            short_code_length=len(code),
            code_issued_at=NOW,
            connected=True,
            user=user,
        )


class TestTheCode:
    def test_it_has_six_characters_never_expires_and_is_not_rotated(self, ada: User) -> None:
        heard(LAMP)
        code = code_said(LAMP)
        assert rotate_expired(timedelta(seconds=1), NOW + MONTH) == []
        assert rotate_expired(timedelta(seconds=1), NOW - MONTH) == []
        assert still_waiting(LAMP, code[:6], NOW + MONTH).device_id == LAMP
        assert associate_by_code(code[:6], ada, NOW + MONTH).device_id == LAMP

    def test_that_of_a_lamp_with_our_screen_does(self, ada: User) -> None:
        heard(LAMP, stock=False)
        lampi = Lampi.named(LAMP)
        expected = Unassociated(lampi.association_code, short_code_length=7, good_for=900)
        assert decode_association(said(LAMP) or b"") == expected
        with pytest.raises(UnknownCode):
            associate_by_code(lampi.association_code, ada, NOW + MONTH)
        assert rotate_expired(timedelta(minutes=15), NOW + MONTH) == [LAMP]

    def test_both_kinds_in_one_batch(self) -> None:
        batch = PresenceBatch()
        batch.add(LAMP, True, True)
        batch.add(OTHER, True, False)
        assert sorted(batch.register(NOW)) == [LAMP, OTHER]
        assert (len(shown(LAMP)), len(shown(OTHER))) == (6, 7)
        assert (Lampi.named(LAMP).stock_screen, Lampi.named(OTHER).stock_screen) == (True, False)

    @pytest.mark.parametrize("screens", [StockScreens.YES, StockScreens.NO])
    def test_the_setting_outweighs_the_name_of_the_bridge(self, screens: StockScreens) -> None:
        heard(LAMP, stock=screens is StockScreens.NO, screens=screens)
        heard(LAMP, stock=screens is StockScreens.NO, screens=screens)
        assert Lampi.named(LAMP).stock_screen == (screens is StockScreens.YES)

    def test_six_taken_characters_are_not_given_twice(self, monkeypatch: pytest.MonkeyPatch) -> None:
        drawn = iter(["a" * 32, "a" * 32, "b" * 32])
        monkeypatch.setattr("cloud.store.codes._generate", lambda _: iter([next(drawn)]))
        heard(LAMP)
        heard(OTHER)
        assert [shown(LAMP), shown(OTHER)] == ["aaaaaa", "bbbbbb"]


class TestRepair:
    def test_a_code_stays_where_its_six_characters_are_unique(self) -> None:
        issued_long_codes("abcdef1")
        heard(LAMP)
        assert reopened(LAMP) == "abcdef1".ljust(32, "0")
        assert shown(LAMP) == "abcdef"
        assert Lampi.named(LAMP).code_issued_at == NOW

    def test_where_they_are_not_all_but_one_get_new_codes(self, ada: User) -> None:
        issued_long_codes("abcdef1", "abcdef2", "abcdef")
        heard(LAMP, OTHER)
        assert shown(THIRD) == "abcdef"
        assert len({shown(LAMP), shown(OTHER), shown(THIRD)}) == 3
        assert {len(shown(LAMP)), len(shown(OTHER))} == {6}
        assert associate_by_code("abcdef", ada, NOW).device_id == THIRD
        assert reopened(LAMP) == Lampi.named(LAMP).association_code

    def test_among_themselves_the_first_keeps_its_code(self) -> None:
        issued_long_codes("abcdef1", "abcdef2")
        heard(LAMP, OTHER)
        assert [shown(device_id) == "abcdef" for device_id in (LAMP, OTHER)].count(True) == 1

    def test_a_code_of_six_characters_stays_and_the_popup_reopens(self) -> None:
        issued_long_codes("abcdef")
        heard(LAMP)
        assert reopened(LAMP)[:6] == "abcdef"

    def test_a_lamp_with_an_owner_gets_no_message(self, ada: User) -> None:
        issued_long_codes("abcdef1", user=ada)
        for stock in (True, False):
            heard(LAMP, stock=stock)
            assert Lampi.named(LAMP).stock_screen == stock
        assert said(LAMP) is None
        heard(LAMP)
        release(LAMP, NOW)
        assert reopened(LAMP)[:6] == shown(LAMP)

    def test_treatment_ends_with_a_new_code_that_expires(self) -> None:
        heard(LAMP)
        before = code_said(LAMP)
        heard(LAMP, stock=False)
        association = decode_association(said(LAMP) or b"")
        assert isinstance(association, Unassociated)
        assert association.code != before
        assert (association.short_code_length, association.good_for) == (7, 900)
        assert live_codes(announced(), NOW + MONTH) == {}

    def test_what_is_unchanged_is_not_written(self) -> None:
        heard(LAMP)
        confirm_all()
        Lampi.update(code_issued_at=NOW - MONTH).execute()  # long enough ago that its screen has the code
        version = outbox.last_version()
        heard(LAMP)
        assert (outbox.last_version(), enqueued()) == (version, {})


class TestBothNames:
    """A lamp that was provisioned keeps the other bridge, or its retained state."""

    @pytest.mark.parametrize("names", [(True, False), (False, True)])
    def test_a_lamp_that_is_up_under_both_gets_stock_treatment(self, names: Sequence[bool]) -> None:
        for _daemon_start in range(2):
            snapshot = PresenceSnapshot()
            for stock in names:
                heard(LAMP, stock=stock, settled=False)
                snapshot.add(LAMP, stock)
            code = Lampi.named(LAMP).association_code
            while not snapshot.settle(NOW):
                pass
            lampi = Lampi.named(LAMP)
            assert (lampi.stock_screen, lampi.connected, lampi.association_code) == (True, True, code)

    @pytest.mark.parametrize("names", [(True, False), (False, True)])
    def test_in_one_batch_as_well(self, names: Sequence[bool]) -> None:
        batch = PresenceBatch()
        for stock in names:
            batch.add(LAMP, True, stock)
        batch.register(NOW)
        assert Lampi.named(LAMP).stock_screen

    @pytest.mark.parametrize("screens", list(StockScreens))
    def test_one_that_was_provisioned_while_the_daemon_was_away_no_longer_does(self, screens: StockScreens) -> None:
        heard(LAMP)
        announce(CodePolicy(stock_screens=screens))
        snapshot = PresenceSnapshot()
        heard(LAMP, stock=False, settled=False)
        snapshot.add(LAMP, False)
        while not snapshot.settle(NOW):
            pass
        assert Lampi.named(LAMP).stock_screen == (screens is not StockScreens.AUTO)


class TestTheSetting:
    LAMPS = 2_000

    def run(self, screens: StockScreens, *, crash_every: int = 10**6) -> None:
        """Announce and apply a setting, with a broker that accepts everything; the daemon dies every so many rounds."""
        announce(CodePolicy(shortest=7, risk=1.0, stock_screens=screens))
        treatment = StockTreatment(screens)
        now = NOW
        for step in range(1, 10_000):
            treatment.step(now)
            confirm_all()
            if step % crash_every == 0:
                treatment = StockTreatment(screens)
            now += timedelta(seconds=1)
            settled = Lampi.select().where(Lampi.code_due_at.is_null(False)).count() == 0
            if settled and Lampi.select().where(Lampi.stock_screen == (screens is StockScreens.NO)).count() == 0:
                return
        raise AssertionError("not all lamps were converted")

    def test_it_converts_who_waits_in_batches_across_crashes(self, ada: User) -> None:
        heard(*(f"{number:012x}" for number in range(self.LAMPS)), stock=False)
        associate_by_device_id("000000000007", ada, NOW)
        before = dict(Lampi.select(Lampi.device_id, Lampi.association_code).tuples())
        self.run(StockScreens.YES, crash_every=2)
        lamps = list(Lampi.select())
        assert all(lampi.stock_screen and lampi.code_due_at is None for lampi in lamps)
        waiting = [lampi for lampi in lamps if lampi.user_id is None]
        assert {lampi.short_code_length for lampi in waiting} == {6}
        kept = [lampi for lampi in waiting if lampi.association_code == before[lampi.device_id]]
        assert len(kept) > 0.99 * self.LAMPS
        assert live_codes(announced(), NOW + MONTH) == {6: self.LAMPS - 1}
        self.run(StockScreens.NO, crash_every=2)
        assert live_codes(announced(), NOW) == {7: self.LAMPS - 1}
        assert live_codes(announced(), NOW + MONTH) == {}

    def test_it_does_not_withdraw_more_at_once_than_the_broker_takes(self) -> None:
        heard(*(f"{number:012x}" for number in range(self.LAMPS)), stock=False)
        confirm_all()
        treatment = StockTreatment(StockScreens.YES)
        for _ in range(10):
            treatment.step(NOW)
        assert list(enqueued().values()) == [WITHDRAWN] * 500

    def test_auto_leaves_it_to_presence(self) -> None:
        heard(LAMP, stock=False)
        heard(OTHER)
        StockTreatment(StockScreens.AUTO).step(NOW)
        assert [Lampi.named(LAMP).stock_screen, Lampi.named(OTHER).stock_screen] == [False, True]


class TestTheGuessBudget:
    def test_it_counts_stock_codes_issued_a_month_ago(self) -> None:
        heard(*(f"{number:012x}" for number in range(30)))
        heard(*(f"{number:012x}" for number in range(30, 40)), stock=False)
        policy = announced()
        assert live_codes(policy, NOW) == {6: 30, 7: 10}
        assert live_codes(policy, NOW + MONTH) == {6: 30}
        assert cost(6, live_codes(policy, NOW + MONTH)) == 30 / 16**6
        assert cost(7, live_codes(policy, NOW)) == 40 / 16**7

    @pytest.mark.parametrize(("others", "admitted"), [(0, True), (1, False)])
    def test_the_whole_of_it_is_for_six_characters_where_no_code_can_grow(
        self, ada: User, others: int, admitted: bool
    ) -> None:
        """One account may guess a hundred times, which this budget doesn't cover; half of it is spent."""
        announce(CodePolicy(risk=20 / 16**6, guesses_per_user=100, guesses_per_source=100))
        heard(LAMP)
        for number in range(others):
            heard(f"{number:012x}", stock=False)
        for _ in range(10):
            with pytest.raises(UnknownCode):
                associate_by_code("0" * 6 if shown(LAMP) != "0" * 6 else "1" * 6, ada, NOW)
        if admitted:
            assert associate_by_code(shown(LAMP), ada, NOW).device_id == LAMP
        else:
            with pytest.raises(TooManyGuesses):
                associate_by_code(shown(LAMP), ada, NOW)
