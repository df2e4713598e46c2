"""Offer, withdraw, take, release, forget and time in any order: only an offer in force changes the owner."""

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule

from cloud.auth import sessions
from cloud.db.database import open_database
from cloud.db.schema import upgrade
from cloud.errors import AlreadyAssociated, NotAssociated, NotOffered, OwnOffer, UnknownCode, UnknownLamp
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services import claiming, handover, offering
from cloud.store import offers
from cloud.store.lamps import Lampi
from cloud.store.offers import GOOD_FOR
from tests.cloud.conftest import NOW

LAMPS = [f"b827ebba038{digit}" for digit in range(2)]
DEVICE_IDS = st.sampled_from(LAMPS)
USERS = st.sampled_from(["ada", "bob", "cleo"])


@dataclass
class Lamp:
    """What ought to be true of one lamp."""

    owner: str | None = None
    offer: str = ""
    ends_at: datetime = NOW


class HandOver(RuleBasedStateMachine):
    """The real modules on a real SQLite file, beside a dictionary of lamps."""

    codes = Bundle("codes")

    @initialize()
    def begin(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.database = open_database(f"sqlite:///{Path(self.folder.name)}/lampi.db", create=True)
        upgrade(self.database)
        announce(CodePolicy(risk=1.0, guesses_per_user=1000, guesses_per_source=1000))
        self.users = {name: claiming.add_user(name) for name in ("ada", "bob", "cleo")}
        self.now = NOW
        self.lamps = {device_id: Lamp() for device_id in LAMPS}
        for device_id in LAMPS:
            Lampi.create(device_id=device_id)

    def teardown(self) -> None:
        if hasattr(self, "database"):
            self.database.close()
            self.folder.cleanup()

    def in_force(self, device_id: str) -> bool:
        return self.lamps[device_id].offer != "" and self.now < self.lamps[device_id].ends_at

    @rule(device_id=DEVICE_IDS, user=USERS)
    def associate(self, device_id: str, user: str) -> None:
        if self.lamps[device_id].owner is None:
            claiming.associate_by_device_id(device_id, self.users[user], self.now)
            self.lamps[device_id].owner = user
        else:
            with pytest.raises(AlreadyAssociated):
                claiming.associate_by_device_id(device_id, self.users[user], self.now)

    @rule(device_id=DEVICE_IDS, user=USERS, target=codes)
    def offer(self, device_id: str, user: str) -> str:
        lamp = self.lamps[device_id]
        if lamp.owner != user:
            with pytest.raises(UnknownLamp):
                offering.make_offer(device_id, self.now, "", self.users[user])
            return "0" * 32
        lamp.offer = str(offering.make_offer(device_id, self.now, "", self.users[user]).code)
        lamp.ends_at = self.now + GOOD_FOR
        return lamp.offer

    @rule(code=codes, user=USERS, typed=st.sampled_from([12, 32]))
    def take(self, code: str, user: str, typed: int) -> None:
        offered = [each for each in LAMPS if self.lamps[each].offer == code and self.in_force(each)]
        owner = self.lamps[offered[0]].owner if offered else None
        try:
            lampi = claiming.associate_by_code(code[:typed], self.users[user], self.now)
        except OwnOffer:
            assert owner == user
        except UnknownCode:
            assert offered == []
        else:
            assert ([lampi.device_id], owner == user) == (offered, False)
            self.lamps[lampi.device_id] = Lamp(user)

    @rule(device_id=DEVICE_IDS, user=USERS)
    def operator_hands_over(self, device_id: str, user: str) -> None:
        owner = self.lamps[device_id].owner
        if owner in (None, user):
            with pytest.raises(NotAssociated if owner is None else AlreadyAssociated):
                handover.hand_over(device_id, self.users[user], self.now, "")
        else:
            handover.hand_over(device_id, self.users[user], self.now, "")
            self.lamps[device_id] = Lamp(user)

    @rule(device_id=DEVICE_IDS)
    def withdraw(self, device_id: str) -> None:
        lamp = self.lamps[device_id]
        if lamp.owner is not None and self.in_force(device_id):
            offering.withdraw(device_id, self.now, "")
            lamp.offer = ""
        else:
            with pytest.raises(NotAssociated if lamp.owner is None else NotOffered):
                offering.withdraw(device_id, self.now, "")

    @rule(device_id=DEVICE_IDS)
    def release(self, device_id: str) -> None:
        if self.lamps[device_id].owner is not None:
            claiming.release(device_id, self.now)
            self.lamps[device_id] = Lamp()

    @rule(device_id=DEVICE_IDS)
    def forget(self, device_id: str) -> None:
        claiming.forget(device_id, self.now)
        Lampi.create(device_id=device_id)
        self.lamps[device_id] = Lamp()

    @rule(user=USERS)
    def new_password(self, user: str) -> None:
        sessions.end_all(self.users[user])
        for lamp in self.lamps.values():
            lamp.offer = "" if lamp.owner == user else lamp.offer

    @rule(minutes=st.integers(1, 10))
    def time_passes(self, minutes: int) -> None:
        self.now += timedelta(minutes=minutes)

    @rule()
    def maintenance(self) -> None:
        offers.purge(self.now)

    @invariant()
    def the_database_is_as_the_model(self) -> None:
        if not hasattr(self, "database"):
            return
        for device_id, lamp in self.lamps.items():
            owner = Lampi.named(device_id).user
            assert (owner.name if owner else None) == lamp.owner
            if lamp.owner is not None and self.in_force(device_id):
                assert offering.offer_of(device_id, self.now, owner).code == lamp.offer
        assert sum(offers.live_codes(self.now).values()) == sum(map(self.in_force, LAMPS))


HandOver.TestCase.settings = settings(
    max_examples=60,
    stateful_step_count=40,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow],
)
TestHandOver = pytest.mark.slow(HandOver.TestCase)
