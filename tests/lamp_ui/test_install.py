"""`lampi-ui install`: the tree of a lamp's Pi, with and without the folder that was provisioned for it."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from lamp_ui.__main__ import main

LAMP = "b827ebba0387"


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
    assert "renew  /etc/mosquitto/lampi/lamp.crt" in said.output
    assert (root / "etc/mosquitto/lampi/lamp.crt").read_bytes() == (
        folder / "etc/mosquitto/lampi/lamp.crt"
    ).read_bytes()


def test_another_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    said = install(tmp_path / "other", "--prefix", tmp_path / "root")
    assert (said.exit_code, "is not what `lampi-cloud provision` makes" in said.stderr) == (1, True)
    assert not (tmp_path / "root").exists()
