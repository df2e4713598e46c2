"""The commands `lampi-cloud ca`, `provision` and `deprovision`."""

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from cloud.ops.provisioning.broker_files import missing_from, not_after
from tests.cloud.ops.provisioning.conftest import LAMP, OTHER


class Typed:
    """Types commands, with all folders below one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mosquitto = folder / "mosquitto"
        self._environment = {"LAMPI_CA_FOLDER": str(folder / "ca"), "LAMPI_MOSQUITTO_FOLDER": str(self.mosquitto)}

    def __call__(self, *words: str, status: int = 0, given: str | None = None) -> str:
        done: Result = CliRunner().invoke(commands, words, input=given, env=self._environment)
        assert done.exit_code == status, done.output
        return done.output

    def provision(self, *words: str, status: int = 0, given: str | None = None) -> str:
        return self("provision", *words, "--out", str(self.folder / "lamps"), status=status, given=given)


@pytest.fixture
def typed(tmp_path: Path) -> Typed:
    made = Typed(tmp_path)
    made("ca", "init")
    return made


def test_from_nothing_to_a_lamp(typed: Typed) -> None:
    assert missing_from(typed.mosquitto)
    said = typed("ca", "server", "cloud.example.com", "192.0.2.1")
    assert "Lamps will connect to cloud.example.com:8883." in said
    assert missing_from(typed.mosquitto) == []
    said = typed("ca", "daemon", "--out", str(typed.folder / "etc"))
    assert f"LAMPI_BROKER_CERTIFICATE={typed.folder}/etc/daemon.crt" in said
    said = typed.provision(LAMP)
    assert said == (
        f"1 lamp in {typed.folder}/lamps: 1 made, 0 renewed, 0 kept. "
        "Each folder's README.txt explains how to install it on the Pi.\n"
    )
    shown = typed("ca", "show")
    assert "  cloud.example.com\n" in shown
    assert "  lampi-daemon\n" in shown
    assert shown.endswith("Lamps with a certificate: 1; revoked: 0.\n")


def test_a_second_init_changes_nothing_and_says_so(typed: Typed) -> None:
    assert "Nothing was changed" in typed("ca", "init", status=1)


def test_the_broker_s_key_is_for_it_alone_and_renewing_keeps_what_was_edited(typed: Typed) -> None:
    typed("ca", "server", "cloud.example.com")
    key = typed.mosquitto / "server.key"
    assert stat.S_IMODE(key.stat().st_mode) & 0o037 == 0
    before = key.read_bytes()
    (typed.mosquitto / "lamps.acl").write_text("# mine\n")
    typed("ca", "server", "cloud.example.com")
    assert key.read_bytes() != before
    assert (typed.mosquitto / "lamps.acl").read_text() == "# mine\n"
    assert not_after(typed.mosquitto / "server.crt") < not_after(typed.mosquitto / "ca.crt")


def test_a_factory_s_list_comes_on_standard_input(typed: Typed) -> None:
    typed("ca", "server", "cloud.example.com")
    given = f"B8:27:EB:BA:03:87\n\n{OTHER}\r\n{LAMP}\n"
    assert "2 lamps in" in typed.provision("-", given=given)
    assert sorted(path.name for path in (typed.folder / "lamps").iterdir()) == [LAMP, OTHER]
    assert "0 made, 0 renewed, 2 kept" in typed.provision("-", given=given)
    assert "0 made, 2 renewed, 0 kept" in typed.provision("-", "--renew", given=given)
    assert "2 kept" in typed.provision("-", given=f"\ufeff{given}")  # as spreadsheets begin a file


def test_a_bundle_that_becomes_a_stock_one_or_is_none_any_more_is_told(typed: Typed) -> None:
    typed("ca", "server", "cloud.example.com")
    assert "1 made, 0 renewed, 0 kept. " in typed.provision(LAMP, "--stock")
    assert "0 made, 0 renewed, 1 kept. " in typed.provision(LAMP, "--stock")
    said = typed.provision(LAMP)
    assert "0 made, 0 renewed, 0 kept, 1 changed. " in said
    assert "no longer for stock lamps" in said
    assert "restart its touchscreen" in said
    said = typed.provision(LAMP, "--stock")
    assert "0 made, 0 renewed, 0 kept, 1 changed. " in said
    assert "now for stock lamps" in said


def test_a_list_with_a_fault_does_nothing(typed: Typed) -> None:
    typed("ca", "server", "cloud.example.com")
    said = typed.provision("-", status=1, given=f"{LAMP}\nnonsense\n+\n")
    assert said.startswith("Error: 'nonsense' is not a device id")
    assert "'+' is not a device id" in said
    assert said.endswith("\nNothing was changed.\n")
    assert not (typed.folder / "lamps").exists()
    many = typed.provision("-", status=1, given="x\n" + "\n".join(f"bad{number}" for number in range(50)))
    assert "... and 41 more." in many
    assert "No device ids on standard input" in typed.provision("-", status=1, given="\n")


def test_without_an_address_it_says_what_to_do(typed: Typed) -> None:
    assert "`lampi-cloud ca server HOST` or give --cloud" in typed.provision(LAMP, status=1)
    assert "1 made" in typed.provision(LAMP, "--cloud", "cloud.example.com")


def test_without_authorities_it_says_what_to_do(tmp_path: Path) -> None:
    typed = Typed(tmp_path / "nothing")
    for words in (["ca", "show"], ["ca", "server", "a.example"], ["provision", LAMP], ["deprovision", LAMP]):
        said = typed(*words, status=1)
        assert "create the authorities with `lampi-cloud ca init`." in said
        assert len(said.splitlines()) == 1


def test_authorities_that_can_not_be_used_are_one_line(typed: Typed) -> None:
    (typed.folder / "ca" / "lock").mkdir()
    said = typed.provision(LAMP, "--cloud", "a.example", status=1)
    assert said == f"Error: Can't open {typed.folder}/ca/lock: Is a directory.\n"


def test_a_program_s_certificate_is_taken_back(typed: Typed) -> None:
    typed("ca", "server", "cloud.example.com")
    typed("ca", "daemon", "--out", str(typed.folder / "etc"))
    before = (typed.mosquitto / "ca-revoked.pem").read_bytes()
    assert "Restart Mosquitto" in typed("ca", "revoke", "lampi-daemon")
    assert (typed.mosquitto / "ca-revoked.pem").read_bytes() != before
    assert "lampi-daemon\n" not in typed("ca", "show")
    assert "no valid certificate" in typed("ca", "revoke", "nobody", status=1)


def test_the_hosts_are_checked_before_anything_is_written(typed: Typed) -> None:
    assert "neither a host name nor an IP address" in typed("ca", "server", "cloud.example.com", "a b", status=1)
    assert missing_from(typed.mosquitto)
