"""Popups of stock screens that reopen, and codes that are in doubt."""

from datetime import timedelta

import peewee
import pytest

from cloud.daemon.presence import PresenceBatch, PresenceSnapshot
from cloud.daemon.stock_screens import StockTreatment
from cloud.db.database import write_transaction
from cloud.errors import UnknownCode
from cloud.rate_limit.policy import StockScreens, announce
from cloud.reconciliation.reconcile import Drift, repair
from cloud.reconciliation.replay import Replay
from cloud.services.claim_terms import announced_terms
from cloud.services.claiming import associate_by_code, associate_by_device_id, forget, release, rotate_code
from cloud.services.identification import identify
from cloud.services.lamps import association_of
from cloud.services.stock_screens import IN_DOUBT_FOR, OPENINGS, REOPEN_AFTER, settle_doubt
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from cloud.store.tombstones import Tombstone
from shared.protocol.payloads import Associated, HighWaterMark, Unassociated, decode_association
from tests.cloud.conftest import NOW
from tests.support.replay import confirm_all, enqueued, our_mark, replay_lost, topic
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


class TestReopening:
    def test_a_released_lamp(self, ada: User) -> None:
        heard(LAMP)
        before = code_said(LAMP)
        associate_by_code(before[:6], ada, NOW)
        assert said(LAMP) == Associated().encode()
        release(LAMP, NOW)
        assert reopened(LAMP) != before

    def test_a_lamp_that_is_associated_and_released_at_once(self, ada: User) -> None:
        """The broker may never get that it was associated."""
        heard(LAMP)
        before = code_said(LAMP)
        associate_by_code(before[:6], ada, NOW)
        release(LAMP, NOW + timedelta(milliseconds=10))
        assert reopened(LAMP) != before

    def test_a_rotated_code_works_before_it_is_shown(self, ada: User) -> None:
        heard(LAMP)
        before = code_said(LAMP)
        rotate_code(LAMP, NOW)
        with pytest.raises(UnknownCode):
            associate_by_code(before[:6], ada, NOW)
        associate_by_code(shown(LAMP), ada, NOW)
        assert said(LAMP) == Associated().encode()
        treatment = StockTreatment(StockScreens.AUTO)
        for seconds in (0, 1, 2):
            treatment.step(NOW + timedelta(seconds=seconds))
        assert said(LAMP) is None

    def test_a_second_change_waits_again(self) -> None:
        heard(LAMP)
        rotate_code(LAMP, NOW)
        confirm_all()
        StockTreatment(StockScreens.AUTO).step(NOW)
        rotate_code(LAMP, NOW)
        StockTreatment(StockScreens.AUTO).step(NOW + MONTH)
        assert reopened(LAMP)[:6] == shown(LAMP)

    def test_one_whose_message_another_client_replaced(self) -> None:
        heard(LAMP, OTHER)
        heard(THIRD, stock=False)
        confirm_all()
        repair(Drift(missing={OTHER}, stale={LAMP, THIRD}), NOW)
        assert enqueued()[topic(LAMP)] == WITHDRAWN
        for device_id in (OTHER, THIRD):
            said_again = decode_association(enqueued()[topic(device_id)])
            assert said_again == association_of(Lampi.named(device_id), announced_terms())

    def test_our_screen_needs_none(self) -> None:
        heard(LAMP, stock=False)
        rotate_code(LAMP, NOW)
        assert isinstance(decode_association(said(LAMP) or b""), Unassociated)
        forget(LAMP, NOW)
        heard(LAMP, stock=False)
        assert isinstance(decode_association(said(LAMP) or b""), Unassociated)

    def test_identifying_meanwhile_publishes_no_code_early(self) -> None:
        heard(LAMP)
        rotate_code(LAMP, NOW)
        confirm_all()
        identify(LAMP, NOW)
        assert said(LAMP) == WITHDRAWN
        assert association_of(Lampi.named(LAMP), announced_terms()) is None

    def test_a_clock_that_was_wrong_delays_it_no_longer_than_a_right_one(self) -> None:
        heard(LAMP)
        rotate_code(LAMP, NOW)
        confirm_all()
        StockTreatment(StockScreens.AUTO).step(NOW + MONTH)
        StockTreatment(StockScreens.AUTO).step(NOW)
        assert code_said(LAMP)[:6] == shown(LAMP)

    def test_a_broker_that_lost_it_gets_what_is_true_now(self) -> None:
        heard(LAMP)
        confirm_all()
        rotate_code(LAMP, NOW)
        mark = our_mark(outbox.last_version() - 1)
        confirm_all()
        replay_lost(mark, NOW)
        assert reopened(LAMP)[:6] == shown(LAMP)

    @pytest.mark.parametrize("mark", ["newer", "of another database"])
    def test_after_messages_of_another_database_every_popup_reopens(self, mark: str, ada: User) -> None:
        heard(LAMP, OTHER)
        heard(THIRD, stock=False)
        associate_by_device_id(OTHER, ada, NOW)
        confirm_all()
        newest = outbox.last_version()
        found = our_mark(newest + 10) if mark == "newer" else HighWaterMark("f" * 32, newest)
        replay = Replay(found, newest)
        while not replay.done:
            replay.step(NOW)
        assert decode_association(enqueued()[topic(OTHER)]) == Associated()
        assert isinstance(decode_association(enqueued()[topic(THIRD)]), Unassociated)
        assert reopened(LAMP)[:6] == shown(LAMP)


def end_doubt() -> None:
    Lampi.update(code_opened_at=None).execute()


class TestDoubt:
    """A bridge that connects delivers withdrawal and code in one go, and the screen misses the withdrawal."""

    @pytest.fixture(autouse=True)
    def code(self, ada: User) -> str:
        """Have a lamp's code in doubt, and return it."""
        heard(LAMP, OTHER)
        heard(THIRD, stock=False)
        associate_by_device_id(LAMP, ada, NOW)
        release(LAMP, NOW)
        code = reopened(LAMP)
        confirm_all()
        return code

    def test_the_popup_reopens_whenever_its_bridge_connects(self, code: str) -> None:
        """Also when the broker never missed it, again and again."""
        for _ in range(3):
            assert heard(LAMP, OTHER) == []
            assert list(enqueued()) == [topic(LAMP)]
            assert reopened(LAMP) == code

    def test_it_does_after_the_broker_missed_the_lamp_however_long(self, code: str) -> None:
        heard(LAMP, up=False)
        assert settle_doubt(NOW, NOW + MONTH) == 0
        heard(LAMP)
        assert reopened(LAMP) == code

    def test_a_bridge_that_is_gone_again_in_the_same_batch_had_connected(self, code: str) -> None:
        heard(LAMP, up=False)
        batch = PresenceBatch()
        batch.add(LAMP, True, True)
        batch.add(LAMP, False, True)
        batch.register(NOW)
        assert reopened(LAMP) == code

    def test_it_ends_once_the_lamp_was_seen_connected_for_long_enough_twice(self, code: str) -> None:
        """A connection that stalls is not noticed, and the screen may have missed the first reopening."""
        opened = NOW + REOPEN_AFTER
        for _ in range(OPENINGS - 1):
            assert settle_doubt(NOW, opened + IN_DOUBT_FOR - timedelta(milliseconds=1)) == 0
            assert settle_doubt(NOW, opened + IN_DOUBT_FOR) == 1
            assert reopened(LAMP) == code
        assert settle_doubt(NOW, opened + IN_DOUBT_FOR) == 1
        heard(LAMP)
        assert enqueued() == {}
        assert settle_doubt(NOW, NOW + MONTH) == 0

    def test_it_does_not_where_presence_was_not_followed_meanwhile(self, code: str) -> None:
        assert settle_doubt(NOW + MONTH, NOW + 2 * MONTH) == 0
        heard(LAMP)
        assert reopened(LAMP) == code

    def test_only_the_leader_ends_it(self, code: str) -> None:
        """A daemon that was paused may have missed that the bridge connected."""
        assert settle_doubt(NOW, NOW + MONTH, lambda: False) == 0
        assert enqueued() == {}
        heard(LAMP)
        assert reopened(LAMP) == code

    def test_for_a_lamp_with_an_owner_it_ends_at_once(self, ada: User) -> None:
        associate_by_device_id(LAMP, ada, NOW)
        confirm_all()
        assert settle_doubt(NOW, NOW + MONTH) == 1
        assert enqueued() == {}

    @pytest.mark.parametrize("settled_first", [True, False])
    def test_after_a_connection_that_the_lamp_may_have_lost_too(self, code: str, settled_first: bool) -> None:
        """The broker was restarted: presence says only that the lamp is connected again."""
        snapshot = PresenceSnapshot()
        for device_id in (LAMP, OTHER, THIRD):
            heard(device_id, stock=device_id != THIRD, settled=False)
            snapshot.add(device_id, device_id != THIRD)
        assert enqueued() == {}
        while not snapshot.settle(NOW + timedelta(seconds=10)):
            pass
        assert enqueued() == {topic(LAMP): WITHDRAWN}
        assert reopened(LAMP) == code
        if settled_first:
            heard(LAMP)
            assert reopened(LAMP) == code

    @pytest.mark.parametrize("accepted", [True, False])
    def test_a_bridge_that_connects_every_moment_does_not_keep_the_popup_closed(self, accepted: bool) -> None:
        heard(LAMP)
        if accepted:
            confirm_all()
            StockTreatment(StockScreens.AUTO).step(NOW)
        version = outbox.last_version()
        heard(LAMP)
        assert outbox.last_version() == version

    def test_an_owned_lamp_has_no_popup(self, ada: User) -> None:
        associate_by_device_id(LAMP, ada, NOW)
        confirm_all()
        heard(LAMP)
        assert enqueued() == {}

    def test_a_first_code_is_not_in_doubt(self) -> None:
        heard(OTHER, up=False)
        heard(OTHER)
        assert enqueued() == {}

    def test_a_code_of_a_forgotten_lamp_that_registers_again(self, code: str) -> None:
        forget(LAMP, NOW)
        heard(LAMP)
        new = reopened(LAMP)
        assert new != code
        heard(LAMP)
        assert reopened(LAMP) == new

    def test_a_lamp_that_a_restored_database_does_not_know(self) -> None:
        """Its screen shows a code of the database that was lost."""
        forget(OTHER, NOW)
        Tombstone.remove([OTHER])
        with write_transaction():
            outbox.suspect_broker(True)
        confirm_all()
        assert heard(OTHER) == [OTHER]
        code = reopened(OTHER)
        heard(OTHER)
        assert reopened(OTHER) == code

    def test_a_replayed_code(self) -> None:
        end_doubt()
        Replay(None, outbox.last_version()).step(NOW + MONTH)
        code = reopened(LAMP)
        heard(LAMP)
        assert reopened(LAMP) == code

    @pytest.mark.parametrize("is_noticed", [True, False])
    def test_one_of_a_restored_database(self, is_noticed: bool) -> None:
        """The screen shows a newer code."""
        end_doubt()
        if is_noticed:
            heard(LAMP, up=False)
        confirm_all()
        newest = outbox.last_version()
        replay_lost(our_mark(newest + 10), NOW, newest)
        reopened(LAMP)
        heard(LAMP)
        assert reopened(LAMP)[:6] == shown(LAMP)
        end_doubt()
        heard(LAMP)
        assert enqueued() == {}
