"""Accounts that services run as."""

import grp
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.install.accounts import missing_accounts, reason_against
from tests.support.accounts import this_user

ANOTHER = "nobody" if os.geteuid() == 0 else this_user()
"""Root can try a program as a different user; everyone else only as themselves."""

CLOSED = 0o700 if os.geteuid() == 0 else 0o000
"""The mode of a folder that `ANOTHER` can't enter."""


@pytest.fixture
def program() -> Iterator[Path]:
    """Give a program that every user can run; pytest's own folders are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder, "bin", "program")
        path.parent.mkdir()
        path.parent.chmod(0o755)
        path.write_text("#!/bin/sh\nexec /usr/bin/id -un >&2\n")
        path.chmod(0o755)
        yield path
        path.parent.chmod(0o755)


def test_what_a_machine_lacks_is_named() -> None:
    us, our_group = this_user(), grp.getgrgid(os.getgid()).gr_name
    assert missing_accounts([us, "root"], [our_group]) == []
    missing = missing_accounts(["no-one", us, "no-one"], ["no-group", our_group])
    assert missing == ["user no-one", "group no-group"]


def test_a_program_that_a_user_can_run(program: Path) -> None:
    assert reason_against(ANOTHER, program) is None


def test_it_is_tried_as_that_user(program: Path) -> None:
    program.write_text("#!/bin/sh\n/usr/bin/id -un >&2; exit 1\n")
    assert reason_against(ANOTHER, program) == ANOTHER


def test_a_program_in_a_folder_that_a_user_can_not_enter(program: Path) -> None:
    program.parent.chmod(CLOSED)
    assert reason_against(ANOTHER, program) == "Permission denied"


def test_a_program_that_is_not_there_or_fails(program: Path) -> None:
    program.write_text("#!/bin/sh\nexit 3\n")
    assert reason_against(ANOTHER, program) == "exit status 3"
    program.unlink()
    assert reason_against(ANOTHER, program) == "No such file or directory"
