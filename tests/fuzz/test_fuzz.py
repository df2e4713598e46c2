"""Some thousands of inputs for each parser; `make fuzz` uses a million."""

import subprocess
import sys

import pytest
from hypothesis import strategies as st

from tests.fuzz.run import READ, REFUSED, draw
from tests.fuzz.target import Target, of_bytes
from tests.fuzz.targets import TARGETS

INPUTS = 300


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_nothing_is_raised_but_what_is_named(target: Target) -> None:
    counts = draw(target, INPUTS)
    assert counts[READ] + counts[REFUSED] >= min(INPUTS, 100)
    assert counts[READ], "the inputs are too far from what it reads to be worth anything"
    if target.raises:
        assert counts[REFUSED]


@pytest.mark.parametrize("raised", [KeyError, UnicodeError])
def test_another_error_is_found(raised: type[Exception]) -> None:
    """Also one of a kind that may be raised: UnicodeError is a ValueError, which is not listed."""

    def read(given: bytes) -> None:
        if b"x" in given:
            raise raised("found")

    with pytest.raises(raised, match="found"):
        draw(of_bytes("broken", read, ValueError, b"", inputs=st.binary()), 3000)


def test_the_program_counts_and_says_what_it_found() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--inputs", "200", "--only", "decode_up", "--only", "parse_level"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["decode_up", "parse_level", "all"]
