"""`lampi-ui install`: the tree of a lamp's Pi, with and without the folder that was provisioned for it."""

import grp
import os
import pwd
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import shared
from cloud.cli import commands
from lamp_ui import install as installation
from lamp_ui.__main__ import main
from tests.support.accounts import this_user

LAMP = "b827ebba0387"
UNIT = Path("etc/systemd/system/lampi-ui.service")
PROGRAM = Path("etc/supervisor/conf.d/lampi-ui.conf")


@pytest.fixture(autouse=True)
def caller(monkeypatch: pytest.MonkeyPatch) -> str:
    """Have a user call sudo whom only the lamp's Pi knows."""
    monkeypatch.setenv("SUDO_USER", "ada-of-the-pi")
    return "ada-of-the-pi"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give the folder of a lamp as `lampi-cloud provision` makes it."""
    for words in (
        ["ca", "init"],
        ["provision", LAMP, "--cloud", "lamps.example.com", "--out", str(tmp_path / "lamps")],
    ):
        made = CliRunner().invoke(commands, [*words, "--ca", str(tmp_path / "ca")])
        assert made.exit_code == 0, made.output
    return tmp_path / "lamps" / LAMP


def install(*words: str | Path) -> Result:
    return CliRunner().invoke(main, ["install", *map(str, words)])


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_without_a_folder_the_service_and_the_backlight(tmp_path: Path) -> None:
    said = install("--prefix", tmp_path)
    assert said.exit_code == 0, said.output
    assert files(tmp_path) == {
        "etc/lampi/installed.sha256",
        "etc/systemd/system/lampi-ui.service",
        "etc/udev/rules.d/90-lampi-backlight.rules",
    }


def test_with_its_folder_a_lamp_gets_its_bridge_and_its_certificate(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "root"
    said = install(folder, "--prefix", root, "--service", "supervisord")
    assert said.exit_code == 0, said.output
    assert "write  /etc/mosquitto/lampi/lamp.key  mosquitto:mosquitto 0600" in said.output
    assert files(root) == {str(path.relative_to(folder)) for path in (folder / "etc").rglob("*") if path.is_file()} | {
        "etc/lampi/installed.sha256",
        "etc/supervisor/conf.d/lampi-ui.conf",
        "etc/udev/rules.d/90-lampi-backlight.rules",
    }
    assert stat.S_IMODE((root / "etc/mosquitto/lampi/lamp.key").stat().st_mode) == 0o600
    assert LAMP in (root / "etc/mosquitto/conf.d/lampi-bridge.conf").read_text()


@pytest.mark.parametrize("mode", [0o600, 0o777])
def test_modes_that_a_copy_has_lost_are_restored(tmp_path: Path, folder: Path, mode: int) -> None:
    for file in (folder / "etc").rglob("*"):
        file.chmod(0o755 if file.is_dir() else mode)
    root = tmp_path / "root"
    assert install(folder, "--prefix", root).exit_code == 0
    modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in (root / "etc").rglob("*") if file.is_file()}
    assert {name for name, found in modes.items() if found != 0o644} == {"lamp.key"}
    assert modes["lamp.key"] == 0o600


def test_a_dry_run_changes_nothing_and_a_second_time_neither(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "root"
    install(folder, "--prefix", root, "--dry-run")
    assert not root.exists()
    install(folder, "--prefix", root)
    said = install(folder, "--prefix", root)
    assert {line.split()[0] for line in said.output.splitlines()[:-1]} == {"same"}


def test_a_renewed_certificate_takes_the_place_of_the_old(tmp_path: Path, folder: Path) -> None:
    root = tmp_path / "root"
    install(folder, "--prefix", root)
    command = ["provision", LAMP, "--renew", "--cloud", "lamps.example.com", "--out", str(folder.parent)]
    assert CliRunner().invoke(commands, [*command, "--ca", str(tmp_path / "ca")]).exit_code == 0
    said = install(folder, "--prefix", root)
    assert "update /etc/mosquitto/lampi/lamp.crt" in said.output
    assert (root / "etc/mosquitto/lampi/lamp.crt").read_bytes() == (
        folder / "etc/mosquitto/lampi/lamp.crt"
    ).read_bytes()


def test_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    said = install(tmp_path / "other", "--prefix", tmp_path / "root")
    assert (said.exit_code, "is not a folder from `lampi-cloud provision`" in said.stderr) == (1, True)
    assert not (tmp_path / "root").exists()


def test_who_called_sudo_runs_the_screen(tmp_path: Path, caller: str) -> None:
    assert install("--prefix", tmp_path).exit_code == 0
    assert f"\nUser={caller}\n" in (tmp_path / UNIT).read_text()
    assert install("--prefix", tmp_path, "--service", "supervisord").exit_code == 0
    program = (tmp_path / PROGRAM).read_text()
    assert f'\nuser={caller}\nenvironment=HOME="/home/{caller}",' in program
    assert "@" not in program


def test_a_user_of_this_machine_gets_their_real_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    us = pwd.getpwuid(os.getuid())
    monkeypatch.setattr(pwd, "getpwnam", lambda name: pwd.struct_passwd((name, *us[1:5], "/srv/100%", "/bin/sh")))
    assert install("--prefix", tmp_path, "--service", "supervisord", "--user", "grace").exit_code == 0
    assert '\nuser=grace\nenvironment=HOME="/srv/100%%",' in (tmp_path / PROGRAM).read_text()


@pytest.mark.parametrize("sudo_user", [None, "", "root"])
def test_without_sudo_a_user_must_be_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sudo_user: str | None
) -> None:
    monkeypatch.delenv("SUDO_USER")
    if sudo_user is not None:
        monkeypatch.setenv("SUDO_USER", sudo_user)
    said = install("--prefix", tmp_path / "root")
    assert (said.exit_code, said.stderr.count("\n")) == (1, 1)
    assert "lampi-ui install --user NAME" in said.stderr
    assert not (tmp_path / "root").exists()


def test_the_user_stays_when_another_user_runs_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    us = this_user()
    install("--prefix", tmp_path, "--user", us)
    install("--prefix", tmp_path)
    assert f"\nUser={us}\n" in (tmp_path / UNIT).read_text()
    install("--prefix", tmp_path, "--service", "supervisord")
    assert f"\nuser={us}\n" in (tmp_path / PROGRAM).read_text()
    install("--prefix", tmp_path, "--user", "grace")
    assert "\nUser=grace\n" in (tmp_path / UNIT).read_text()


def test_a_user_whom_this_machine_no_longer_has_does_not_stay(tmp_path: Path, caller: str) -> None:
    install("--prefix", tmp_path, "--user", "no-such-user")
    install("--prefix", tmp_path)
    assert f"\nUser={caller}\n" in (tmp_path / UNIT).read_text()


@pytest.mark.parametrize("name", ["a b", "a\nuser=root", "-", "a%b"])
def test_an_invalid_name_is_refused(tmp_path: Path, name: str) -> None:
    said = install("--prefix", tmp_path / "root", f"--user={name}")
    assert (said.exit_code, said.stderr.count("\n")) == (1, 1)
    assert not (tmp_path / "root").exists()


def test_on_the_machine_itself_the_user_must_exist(caller: str) -> None:
    said = install("--dry-run")
    assert (said.exit_code, said.output) == (
        1,
        f"Error: This machine has no user {caller}; name an existing user with --user NAME.\n",
    )


def test_on_the_machine_itself_the_groups_must_exist(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "GROUPS", ("no-video", "no-gpio"))
    said = install("--dry-run", "--user", this_user())
    assert said.exit_code == 1
    assert said.output.startswith("Error: This machine has no group no-gpio, no group no-video. ")


def test_groups_that_supervisord_would_not_give_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {pwd.getpwuid(os.getuid()).pw_gid}
    others = [group.gr_name for group in grp.getgrall() if group.gr_gid not in own]
    monkeypatch.setattr(os, "getgrouplist", lambda _name, gid: [gid])
    monkeypatch.setattr(installation, "GROUPS", tuple(others[:2]))
    assert installation.groups_without(this_user()) == others[:2]


def test_the_program_says_its_version_without_a_display() -> None:
    """Installing asks for it as the user who is to run the program."""
    said = CliRunner().invoke(main, ["--version"], prog_name="lampi-ui")
    assert (said.exit_code, said.output) == (0, f"lampi-ui, version {shared.__version__}\n")
