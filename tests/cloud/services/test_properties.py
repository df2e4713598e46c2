"""Associate, release, rotate, forget and presence in any order, against a model that a person can check."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from cloud.daemon.code_rotation import rotate_expired
from cloud.daemon.presence import PresenceBatch
from cloud.daemon.stock_screens import StockTreatment
from cloud.db.database import open_database
from cloud.db.schema import upgrade
from cloud.errors import AlreadyAssociated, NotAssociated, UnknownCode, UnknownLamp
from cloud.rate_limit.live_codes import live_codes
from cloud.rate_limit.policy import OFFLINE_TTL, CodePolicy, StockScreens, announce
from cloud.reconciliation.replay import Replay
from cloud.services import claiming
from cloud.services.stock_screens import IN_DOUBT_FOR, OPENINGS, REOPEN_AFTER, settle_doubt
from cloud.store import outbox
from cloud.store.lamps import Lampi
from shared.protocol.payloads import Associated, Unassociated, decode_association
from tests.cloud.conftest import NOW
from tests.support.replay import enqueued, our_mark, topic

TTL = timedelta(seconds=100)
DEVICE_IDS = st.sampled_from([f"b827ebba038{digit}" for digit in range(4)])
USERS = st.sampled_from(["ada", "bob"])


@dataclass
class Lamp:
    """What ought to be true of one lamp."""

    code: str
    shown: int
    owner: str | None = None
    up: bool = True
    issued_offline: bool = False
    stock: bool = False
    closed: bool = False
    """Whether the popup is to reopen: the code is not to be published yet."""
    opened_at: datetime | None = None
    """When the popup was reopened, while the screen may have missed that."""
    openings: int = 0

    @property
    def ttl(self) -> timedelta:
        if self.stock:
            return timedelta.max
        return OFFLINE_TTL if self.issued_offline else TTL


class Association(RuleBasedStateMachine):
    """The real modules on a real SQLite file, beside a dictionary of lamps and a broker that is another one."""

    codes = Bundle("codes")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.database = open_database(f"sqlite:///{Path(self.folder.name)}/lampi.db", create=True)
        upgrade(self.database)
        self.announce(6)
        self.users = {name: claiming.add_user(name) for name in ("ada", "bob")}
        self.now = NOW
        self.lamps: dict[str, Lamp] = {}
        self.issued_at: dict[str, object] = {}
        self.retained: dict[str, bytes] = {}
        self.forgotten: set[str] = set()
        self.treatment = StockTreatment(StockScreens.AUTO)
        self.mark = our_mark(0)
        self.saved = (dict(self.retained), self.mark)
        self.daemon_connects()

    def teardown(self) -> None:
        if hasattr(self, "database"):
            while not self.replay.done:
                self.daemon_heals(1)
            self.broker_will_agree()
            self.database.close()
            self.folder.cleanup()

    def announce(self, shown: int) -> None:
        self.shown = shown
        announce(CodePolicy(TTL, risk=1.0, guesses_per_user=1000, guesses_per_source=1000, shortest=shown))

    def learn_code(self, device_id: str) -> str:
        code = str(Lampi.named(device_id).association_code)
        self.issued_at[code] = self.now
        return code

    def new_code(self, device_id: str) -> None:
        lamp = self.lamps[device_id]
        lamp.code, lamp.issued_offline, lamp.openings = self.learn_code(device_id), not lamp.up, 0
        lamp.shown, lamp.closed = (6, True) if lamp.stock else (self.shown, False)

    @rule(shown=st.integers(6, 9))
    def the_operator_wants_other_lengths(self, shown: int) -> None:
        self.announce(shown)

    @rule(device_id=DEVICE_IDS, up=st.booleans(), stock=st.booleans(), target=codes)
    def presence(self, device_id: str, up: bool, stock: bool) -> str:
        batch = PresenceBatch()
        batch.add(device_id, up, stock)
        created = batch.register(self.now)
        known = self.lamps.get(device_id)
        assert created == ([device_id] if up and known is None else [])
        if created:
            returns = stock and device_id in self.forgotten
            shown = 6 if stock else self.shown
            self.lamps[device_id] = Lamp(self.learn_code(device_id), shown, stock=stock, closed=returns)
            self.forgotten.discard(device_id)
        elif known is not None:
            self.known_presence(device_id, known, up, stock)
        return self.lamps[device_id].code if device_id in self.lamps else "0" * 32

    def known_presence(self, device_id: str, known: Lamp, up: bool, stock: bool) -> None:
        was_up, known.up = known.up, up
        if not up or known.owner is not None:
            known.stock = stock if up else known.stock
        elif known.stock and not stock:
            known.stock = False
            self.new_code(device_id)
        elif stock and not known.stock:  # no two of these few codes have the same six characters
            known.stock, known.shown, known.closed = True, 6, True
        elif not stock and not was_up and known.issued_offline:
            self.new_code(device_id)
        elif stock:
            known.closed |= known.opened_at is not None

    @rule()
    def popups_reopen(self) -> None:
        pending = enqueued()
        for device_id, lamp in self.lamps.items():
            closed, lamp.closed = lamp.closed, lamp.closed and topic(device_id) in pending
            if closed and not lamp.closed:
                lamp.opened_at, lamp.openings = self.now + REOPEN_AFTER, lamp.openings + 1
        self.treatment.step(self.now)
        self.now += REOPEN_AFTER
        self.treatment.step(self.now)

    @rule()
    def daemon_settles_doubt(self) -> None:
        due = [
            lamp
            for lamp in self.lamps.values()
            if lamp.up and lamp.opened_at is not None and lamp.opened_at <= self.now - IN_DOUBT_FOR
        ]
        assert settle_doubt(NOW, self.now) == len(due)
        for lamp in due:
            lamp.opened_at = None
            lamp.closed |= lamp.stock and lamp.owner is None and lamp.openings < OPENINGS

    @rule()
    def daemon_is_killed(self) -> None:
        self.treatment = StockTreatment(StockScreens.AUTO)

    @rule(code=codes, user=USERS, typed=st.integers(6, 32))
    def associate(self, code: str, user: str, typed: int) -> None:
        waiting = [
            device_id
            for device_id, lamp in self.lamps.items()
            if lamp.owner is None
            and lamp.code == code
            and typed >= lamp.shown
            and self.now - self.issued_at[code] < lamp.ttl  # type: ignore[operator]
        ]
        try:
            lampi = claiming.associate_by_code(code[:typed], self.users[user], self.now)
        except UnknownCode:
            assert waiting == []
        else:
            assert [lampi.device_id] == waiting
            self.claimed(self.lamps[lampi.device_id], user)

    @rule(device_id=DEVICE_IDS, user=USERS)
    def associate_by_id(self, device_id: str, user: str) -> None:
        lamp = self.lamps.get(device_id)
        if lamp is None or lamp.owner is not None:
            with pytest.raises(UnknownLamp if lamp is None else AlreadyAssociated):
                claiming.associate_by_device_id(device_id, self.users[user], self.now)
        else:
            claiming.associate_by_device_id(device_id, self.users[user], self.now)
            self.claimed(lamp, user)

    def claimed(self, lamp: Lamp, user: str) -> None:
        lamp.owner, lamp.closed = user, False

    @rule(device_id=DEVICE_IDS, target=codes)
    def release(self, device_id: str) -> str:
        lamp = self.lamps.get(device_id)
        if lamp is None or lamp.owner is None:
            with pytest.raises(UnknownLamp if lamp is None else NotAssociated):
                claiming.release(device_id, self.now)
            return "0" * 32
        claiming.release(device_id, self.now)
        lamp.owner = None
        self.new_code(device_id)
        return lamp.code

    @rule(device_id=DEVICE_IDS)
    def forget(self, device_id: str) -> None:
        if device_id in self.lamps:
            claiming.forget(device_id, self.now)
            del self.lamps[device_id]
            self.forgotten.add(device_id)
        else:
            with pytest.raises(UnknownLamp):
                claiming.forget(device_id, self.now)

    @rule(seconds=st.integers(1, 150))
    def time_passes(self, seconds: int) -> None:
        self.now += timedelta(seconds=seconds)

    @rule()
    def rotation(self) -> None:
        expired = {
            device_id
            for device_id, lamp in self.lamps.items()
            if lamp.owner is None and self.now - self.issued_at[lamp.code] >= lamp.ttl  # type: ignore[operator]
        }
        assert set(rotate_expired(TTL, self.now)) == expired
        for device_id in expired:
            before = self.lamps[device_id].code
            self.new_code(device_id)
            assert self.lamps[device_id].code != before

    @rule(count=st.integers(1, 10))
    def daemon_publishes(self, count: int) -> None:
        messages = outbox.pending(after=0, limit=count)
        for message in messages:
            self.retained[message.topic] = message.payload
        outbox.remove([message.version for message in messages])

    @rule()
    def daemon_says_the_mark(self) -> None:
        self.mark = self.replay.mark(outbox.confirmed_up_to())

    @rule()
    def broker_saves(self) -> None:
        self.saved = (dict(self.retained), self.mark)

    @rule()
    def broker_loses_what_it_did_not_save(self) -> None:
        retained, self.mark = self.saved
        self.retained = dict(retained)
        self.daemon_connects()

    @rule()
    def daemon_connects(self) -> None:
        self.replay = Replay(self.mark, outbox.last_version())

    @rule(most=st.integers(1, 3))
    def daemon_heals(self, most: int) -> None:
        if not self.replay.done:
            before = {lampi.device_id: lampi.message_version for lampi in Lampi.select()}
            self.replay.step(self.now, most)
            for lampi in Lampi.select():
                lamp = self.lamps[lampi.device_id]
                replayed = lampi.message_version != before[lampi.device_id]
                lamp.closed |= replayed and lamp.stock and lamp.owner is None

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        if not hasattr(self, "database"):
            return
        stored = {lampi.device_id: lampi for lampi in Lampi.select()}
        assert stored.keys() == self.lamps.keys()
        for device_id, lamp in self.lamps.items():
            owner = stored[device_id].user
            assert (owner.name if owner else None) == lamp.owner
            assert stored[device_id].association_code == lamp.code
            assert stored[device_id].connected == lamp.up
            assert stored[device_id].stock_screen == lamp.stock

    @invariant()
    def live_codes_are_counted(self) -> None:
        if not hasattr(self, "database"):
            return
        waiting = [lamp.shown for lamp in self.lamps.values() if lamp.owner is None]
        assert live_codes(CodePolicy(ttl=None), self.now) == Counter(waiting)
        stock = [lamp.shown for lamp in self.lamps.values() if lamp.owner is None and lamp.stock]
        assert live_codes(CodePolicy(TTL), self.now + timedelta(days=365)) == Counter(stock)

    @invariant()
    def the_broker_will_agree_once_it_is_healed_and_the_outbox_is_empty(self) -> None:
        if hasattr(self, "database") and self.replay.done:
            self.broker_will_agree()

    def broker_will_agree(self) -> None:
        retained = dict(self.retained)
        for message in outbox.pending(after=0, limit=1000):
            retained[message.topic] = message.payload
        says = {place: decode_association(payload) for place, payload in retained.items()}
        assert {place: said for place, said in says.items() if said is not None} == {
            topic(device_id): Associated()
            if lamp.owner
            else Unassociated(
                lamp.code, None, lamp.shown, good_for=None if lamp.stock else round(lamp.ttl.total_seconds())
            )
            for device_id, lamp in self.lamps.items()
            if not lamp.closed
        }


Association.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestAssociation = pytest.mark.slow(Association.TestCase)
