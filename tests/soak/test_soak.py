"""A short soak: seeded, with every kind of fault that fits, on both databases. `make soak` runs long ones."""

import pytest

from tests.soak.run import Extent, Soak
from tests.soak.world import World, soak_folder


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_whatever_dies(database: str) -> None:
    said: list[str] = []
    extent = Extent(rounds=8, lamps=120, seconds=60, seed=11, rounds_a_settling=4, round_seconds=0.6, faults_a_round=2)
    with soak_folder() as folder, World(folder, database) as world:
        assert Soak(world, extent, said.append).run(), "\n".join(said)


@pytest.mark.parametrize(
    ("broken", "fault"),
    [
        ("publish-before-commit", "as a lamp hears"),
        ("removal-without-version", "paused, short"),
        ("lease-without-check", "standby SIGKILL"),
        ("ignored-refusals", "broker refuses lamps"),
    ],
)
def test_a_build_that_is_broken_on_purpose_is_caught(broken: str, fault: str) -> None:
    """With the fault that shows it soonest; the whole mix shows it, too, and takes longer."""
    said: list[str] = []
    extent = Extent(
        rounds=400,  # far more than it takes: the run ends with the first violation
        lamps=120,
        seconds=300,
        seed=3,
        rounds_a_settling=3,
        round_seconds=0.4,
        only=fault,
        settling_seconds=8,
        code_ttls=(0,),
    )
    with soak_folder() as folder, World(folder, "sqlite", broken) as world:
        assert not Soak(world, extent, said.append).run(), "\n".join(said)
    assert any("its screen shows" in line or "daemons say that they lead" in line for line in said), "\n".join(said)
