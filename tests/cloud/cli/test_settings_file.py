"""Which lines of a settings file take effect: the service's user must not become root through it."""

import os
from pathlib import Path

import pytest

from cloud.cli.settings_file import ROOTS_OWN, load


def written(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    path.chmod(0o640)
    return path


def test_only_lampi_names_are_taken(tmp_path: Path) -> None:
    file = written(tmp_path / "lampi.env", "LD_PRELOAD=/tmp/x.so", "PATH=/tmp", "LAMPI_LOG_LEVEL=DEBUG")
    environment = {"PATH": "/usr/bin"}
    warnings = load(file, environment, as_root=False)
    assert environment == {"PATH": "/usr/bin", "LAMPI_LOG_LEVEL": "DEBUG"}
    assert [warning.split()[1] for warning in warnings] == ["LD_PRELOAD", "PATH"]


def test_the_environment_takes_precedence(tmp_path: Path) -> None:
    file = written(tmp_path / "lampi.env", "LAMPI_LOG_LEVEL=DEBUG")
    environment = {"LAMPI_LOG_LEVEL": "INFO"}
    assert load(file, environment, as_root=False) == []
    assert environment == {"LAMPI_LOG_LEVEL": "INFO"}


@pytest.mark.parametrize("change", ["owner", "group can write", "all can write", "folder"])
@pytest.mark.parametrize("name", ROOTS_OWN)
def test_root_takes_no_command_and_no_path_from_a_file_that_others_can_change(
    tmp_path: Path, name: str, change: str
) -> None:
    file = written(tmp_path / "lampi.env", f"{name}=sh -c evil", "LAMPI_LOG_LEVEL=DEBUG")
    root = os.geteuid()
    if change == "owner" and root != 0:
        root += 1  # the file belongs to a user who is not root
    elif change == "owner":
        os.chown(file, 65534, 0)
    elif change == "folder":
        tmp_path.chmod(0o777)
    else:
        file.chmod(0o660 if change == "group can write" else 0o646)
    environment: dict[str, str] = {}
    (warning,) = load(file, environment, as_root=True, root=root)
    assert environment == {"LAMPI_LOG_LEVEL": "DEBUG"}
    assert name in warning
    assert "chown root:lampi" in warning


def test_root_takes_them_from_a_file_of_its_own(tmp_path: Path) -> None:
    file = written(tmp_path / "lampi.env", *(f"{name}=/srv" for name in ROOTS_OWN))
    environment: dict[str, str] = {}
    assert load(file, environment, as_root=True, root=os.geteuid()) == []
    assert environment.keys() == set(ROOTS_OWN)


def test_other_users_take_them_from_their_own_file(tmp_path: Path) -> None:
    environment: dict[str, str] = {}
    assert load(written(tmp_path / "lampi.env", "LAMPI_CA_FOLDER=ca"), environment, as_root=False) == []
    assert environment == {"LAMPI_CA_FOLDER": "ca"}
