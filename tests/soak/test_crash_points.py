"""A crash at each point between outbox and broker; the next daemon recovers from it."""

import random
from collections.abc import Callable

import pytest

from tests.soak.actions import Actions
from tests.soak.agreement import Agreement
from tests.soak.broken.crash_points import POINTS
from tests.soak.world import World, soak_folder
from tests.support.waiting import wait_until


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_crash_at_any_point_loses_nothing(database: str) -> None:
    with soak_folder() as folder, World(folder, database, "crash-points") as world:
        actions = Actions(world, random.Random(1))
        agreement = Agreement(world, actions)
        actions.appear(20)
        assert agreement.settle(), world.violations.found
        lamps = iter(list(world.model.lamps.values()))
        for point in POINTS:
            some = [next(lamps) for _ in range(5)]
            _crash(world, point, lambda some=some: actions.associate(some))  # type: ignore[misc]
            assert agreement.settle(), (point, world.violations.found)
            _crash(world, point, lambda: actions.appear(3))
            assert agreement.settle(), (point, world.violations.found)


def _crash(world: World, point: str, act: Callable[[], None]) -> None:
    """Have the leader come to a point, die there, and be started again."""
    for daemon in world.keeper.daemons:
        daemon.expects_crash = True
    before = sum(daemon.starts for daemon in world.keeper.daemons)
    armed = world.arm(point)
    act()
    wait_until(lambda: not armed.exists(), f"the daemon to come to the point {point!r}")
    wait_until(lambda: sum(daemon.starts for daemon in world.keeper.daemons) > before, "the daemon to start again")
