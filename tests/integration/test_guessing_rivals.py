"""Concurrent guesses from several processes: no more of them are looked up than allowed."""

from pathlib import Path

import pytest

from cloud.db.timestamps import utc_now
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services import claiming
from cloud.store.lamps import Lampi
from tests.support.cloud import Cloud
from tests.support.loop import opened_database
from tests.support.postgres import Postgres
from tests.support.rivals import let_go, start_rivals

LIMIT = 5
PROCESSES, THREADS = 4, 10
LAMP = "b827ebba0387"


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_of_40_guesses_at_once_as_many_are_looked_up_as_may_be(tmp_path: Path, kind: str, postgres: Postgres) -> None:
    cloud = Cloud(tmp_path / "cloud", 1883, postgres.make_database() if kind == "postgresql" else None)
    cloud.command("migrate")
    with opened_database(cloud):
        announce(CodePolicy(ttl=None, risk=1.0, guesses_per_user=LIMIT))
        claiming.add_user("eve")
        Lampi.create(device_id=LAMP, association_code="b71e09c4" * 4, code_issued_at=utc_now())
    outcomes = let_go([start_rivals(cloud, "code", "000000", "eve", THREADS) for _ in range(PROCESSES)])
    looked_up = {said: count for said, count in outcomes.items() if not said.startswith("Too many wrong codes.")}
    assert looked_up == {"No lamp found for this code. Check the code on the lamp's screen.": LIMIT}
    assert outcomes.total() == PROCESSES * THREADS
