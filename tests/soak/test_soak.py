"""A short soak: seeded, with every kind of fault that fits, on both databases. `make soak` runs long ones."""

import pytest

from tests.soak.run import Extent, Soak
from tests.soak.world import World, soak_folder

FEW_LAMPS = 12
"""So few that one lamp often changes twice within one pause of the leader."""


DISAGREEMENT = ["its screen shows", "the broker retains", "daemons say that they lead", "its stock screen"]
EVIDENCE = {
    "hand-over-by-release": ["it had no owner"],
    "reset-of-any-owner": ["taken from another owner than it was asked against"],
    "requests-of-former-owners": ["did not own the lamp"],
    "requests-without-expiry": ["it heard the request"],
}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_nothing_is_lost_whatever_dies(database: str) -> None:
    said: list[str] = []
    extent = Extent(rounds=8, lamps=120, seconds=60, seed=11, rounds_a_settling=4, round_seconds=0.6, faults_a_round=2)
    with soak_folder() as folder, World(folder, database) as world:
        assert Soak(world, extent, said.append).run(), "\n".join(said)


@pytest.mark.parametrize(
    ("broken", "fault", "lamps"),
    [
        ("publish-before-commit", "as a lamp hears", 120),
        ("removal-without-version", "paused, short", FEW_LAMPS),
        ("lease-without-check", "standby SIGKILL", 120),
        ("ignored-refusals", "broker refuses lamps", 120),
        ("clears-with-nothing", "standby SIGKILL", 120),
        ("codes-without-reopening", "standby SIGKILL", FEW_LAMPS),
        ("bridges-without-names", "standby SIGKILL", FEW_LAMPS),
        ("hand-over-by-release", "standby SIGKILL", 120),
        ("reset-of-any-owner", "standby SIGKILL", 120),
        ("requests-of-former-owners", "paused, short", 120),
        ("requests-without-expiry", "standby SIGKILL", 120),
    ],
)
def test_a_build_that_is_broken_on_purpose_is_caught(broken: str, fault: str, lamps: int) -> None:
    """With the fault that shows it soonest; the whole mix shows it, too, and takes longer."""
    said: list[str] = []
    extent = Extent(
        rounds=400,  # far more than it takes: the run ends with the first violation
        lamps=lamps,
        first_lamps=1.0 if lamps == FEW_LAMPS else Extent.first_lamps,
        things_a_round=30 if lamps == FEW_LAMPS else Extent.things_a_round,
        seconds=300,
        seed=3,
        rounds_a_settling=3,
        round_seconds=0.4,
        only=fault,
        settling_seconds=8,
        code_ttls=(0,),
        rounds_a_flood=0,  # the state of a flooding lamp takes longer to settle
    )
    with soak_folder() as folder, World(folder, "sqlite", broken) as world:
        assert not Soak(world, extent, said.append).run(), "\n".join(said)
    evidence = EVIDENCE.get(broken, DISAGREEMENT)
    assert any(words in line for words in evidence for line in said), "\n".join(said)
