"""`lampi-cloud install`: the files of a server, and whether the programs that read them accept them."""

import errno
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cloud.cli import commands
from cloud.ops.deploy import package_files
from cloud.ops.provisioning.broker_files import hosts_in, missing_from
from cloud.settings import read_settings
from cloud.web.settings import read_web_settings
from shared.settings import BadSettings, read_settings_file

pytestmark = pytest.mark.server  # the broker's plugin is compiled

HOST = "lamps.example.com"


def install(*words: str) -> Result:
    return CliRunner().invoke(commands, ["install", *words])


def modes(root: Path) -> dict[str, str]:
    """Return the mode of each file and folder that is not everybody's to read."""
    return {
        str(path.relative_to(root)): f"{stat.S_IMODE(path.stat().st_mode):04o}"
        for path in root.rglob("*")
        if not path.stat().st_mode & 0o004
    }


def test_a_dry_run_changes_nothing(tmp_path: Path) -> None:
    said = install(HOST, "--dry-run", "--prefix", str(tmp_path / "root"))
    assert (said.exit_code, said.output.splitlines()[-1]) == (0, "Nothing was changed.")
    assert "make   /etc/lampi/ca/: certificate authorities" in said.output
    assert list(tmp_path.iterdir()) == []


def test_the_tree_of_a_server_keeps_its_secrets(tmp_path: Path) -> None:
    root = tmp_path / "root"
    said = install(HOST, "--prefix", str(root))
    assert said.exit_code == 0, said.output
    assert modes(root) == {
        "etc/lampi": "0750",
        "etc/lampi/lampi.env": "0640",
        "etc/lampi/daemon.key": "0600",
        "etc/lampi/ca": "0700",
        "etc/lampi/ca/ca.key": "0600",
        "etc/lampi/ca/lamps.key": "0600",
        "etc/lampi/ca/issued.db": "0600",
        "etc/lampi/ca/cloud-address": "0600",
        "etc/lampi/ca/lock": "0600",
        "etc/mosquitto/lampi/server.key": modes(root)["etc/mosquitto/lampi/server.key"],
        "etc/mosquitto/lampi/lampi.acl": "0600",
        "etc/mosquitto/lampi/passwords": "0600",
        "var/lib/lampi": "0700",
        "var/lib/lampi/backups": "0700",
        "var/log/lampi": "0750",
    }
    assert missing_from(root / "etc/mosquitto/lampi") == []


def test_a_second_time_nothing_changes_certificates_least_of_all(tmp_path: Path) -> None:
    root = tmp_path / "root"
    install(HOST, "--prefix", str(root))
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    said = install(HOST, "--prefix", str(root))
    assert {line.split()[0] for line in said.output.splitlines()[1:-1]} == {"same"}
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before


def test_a_port_is_the_lamps_and_not_in_the_certificate(tmp_path: Path) -> None:
    said = install(f"{HOST}:8899", "--prefix", str(tmp_path))
    assert said.exit_code == 0, said.output
    assert (tmp_path / "etc/lampi/ca/cloud-address").read_text() == f"{HOST}:8899\n"
    assert hosts_in(tmp_path / "etc/mosquitto/lampi")[0] == HOST


def test_an_upgrade_brings_the_rules_also_without_a_host_and_names_those_that_they_replace(tmp_path: Path) -> None:
    install(HOST, "--prefix", str(tmp_path))
    broker = tmp_path / "etc/mosquitto/lampi"
    (broker / "lampi.acl").rename(broker / "cloud.acl")
    server = (broker / "server.crt").read_bytes()
    said = install("--prefix", str(tmp_path)).output
    assert "make   /etc/mosquitto/lampi/: access rules" in said
    assert "note   /etc/mosquitto/lampi/cloud.acl: replaced by lampi.acl" in said
    assert missing_from(broker) == []
    assert (broker / "server.crt").read_bytes() == server


def test_an_upgrade_narrows_the_rule_that_let_lamps_retain_without_end(tmp_path: Path) -> None:
    install(HOST, "--prefix", str(tmp_path))
    rules = tmp_path / "etc/mosquitto/lampi/lampi.acl"
    shipped = rules.read_text()
    names = [line for line in shipped.splitlines(keepends=True) if "/connection/" in line and "devices" in line]
    own = "# Ours\ntopic read ours\n"
    rules.write_text(own + shipped.replace("".join(names), "pattern  write devices/%u/lamp/connection/+/state \n"))
    assert "make   /etc/mosquitto/lampi/: access rules" in install(HOST, "--prefix", str(tmp_path)).output
    assert rules.read_text() == own + shipped
    assert stat.S_IMODE(rules.stat().st_mode) == 0o600
    assert "same   /etc/mosquitto/lampi/: access rules" in install(HOST, "--prefix", str(tmp_path)).output


def test_without_a_compiler_nothing_is_done_and_the_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    said = install(HOST, "--prefix", str(tmp_path / "root"))
    assert (said.exit_code, (tmp_path / "root").exists()) == (1, False)
    assert "no C compiler: apt install gcc libc6-dev mosquitto-dev libmosquitto-dev" in said.output


def test_without_mosquitto_s_headers_the_missing_one_and_the_packages_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiler = tmp_path / "cc"
    compiler.write_text("#!/bin/sh\necho 'fatal error: mosquitto.h: No such file or directory' >&2\nexit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    said = install(HOST, "--prefix", str(tmp_path / "root"))
    assert (said.exit_code, (tmp_path / "root").exists()) == (1, False)
    assert "mosquitto.h: No such file or directory" in said.output
    assert "mosquitto-dev" in said.output


def test_another_listener_of_the_broker_is_named_with_what_it_lets_in(tmp_path: Path) -> None:
    folder = tmp_path / "etc/mosquitto/conf.d"
    folder.mkdir(parents=True)
    (folder / "local.conf").write_text("# Ours\nlistener 1884\n")
    (folder / "log.conf").write_text("log_type all\n#listener 1885\n")
    said = install(HOST, "--prefix", str(tmp_path)).output
    assert "note   /etc/mosquitto/conf.d/local.conf: adds a listener" in said
    assert said.count("adds a listener") == 1


def test_another_host_does_not_send_lamps_where_the_broker_s_certificate_is_not_good(tmp_path: Path) -> None:
    install(HOST, "--prefix", str(tmp_path))
    said = install("other.example.com", "--prefix", str(tmp_path)).output
    assert f"the broker's certificate is for {HOST}, localhost, " in said
    assert "lampi-cloud ca server other.example.com:8883" in said
    assert (tmp_path / "etc/lampi/ca/cloud-address").read_text() == f"{HOST}:8883\n"


@pytest.mark.parametrize("missing", ["daemon.key", "daemon.crt", "ca.crt"])
def test_what_was_cut_short_is_made_whole(tmp_path: Path, missing: str) -> None:
    install(HOST, "--prefix", str(tmp_path))
    (tmp_path / "etc/lampi" / missing).unlink()
    assert "make   /etc/lampi/: daemon certificate" in install(HOST, "--prefix", str(tmp_path)).output
    assert (tmp_path / "etc/lampi" / missing).exists()


def test_the_broker_may_read_its_folder_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        install(HOST, "--prefix", str(tmp_path / "root"))
    finally:
        os.umask(before)
    folder = tmp_path / "root/etc/mosquitto/lampi"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    kept = {"server.key", "lampi.acl", "passwords"}
    assert {path.name for path in folder.iterdir() if not path.stat().st_mode & 0o004} == kept


def test_without_a_host_the_certificates_are_left_to_be_made(tmp_path: Path) -> None:
    install("--prefix", str(tmp_path))
    assert not (tmp_path / "etc/lampi/ca").exists()


def test_the_shipped_settings_are_good_once_the_certificates_are_there(tmp_path: Path) -> None:
    install(HOST, "--prefix", str(tmp_path))
    settings = read_settings_file(tmp_path / "etc/lampi/lampi.env")
    with pytest.raises(BadSettings, match="LAMPI_BROKER_CA"):
        read_settings(settings)
    here = {name: value.replace("/etc/lampi/", f"{tmp_path}/etc/lampi/") for name, value in settings.items()}
    assert read_settings(here).broker.tls
    assert read_settings(here).database_url == "sqlite:////var/lib/lampi/lampi.db"


def test_one_service_or_the_other(tmp_path: Path) -> None:
    install("--prefix", str(tmp_path / "a"))
    install("--prefix", str(tmp_path / "b"), "--service", "systemd")
    unit, program = "etc/systemd/system/lampi-daemon.service", "etc/supervisor/conf.d/lampi-daemon.conf"
    assert [(tmp_path / "a" / path).exists() for path in (unit, program)] == [False, True]
    assert [(tmp_path / "b" / path).exists() for path in (unit, program)] == [True, False]


@pytest.mark.parametrize(
    ("service", "files"),
    [
        ("supervisord", {"etc/supervisor/conf.d/lampi-daemon.conf", "etc/supervisor/conf.d/lampi-web.conf"}),
        ("systemd", {"etc/systemd/system/lampi-daemon.service", "etc/systemd/system/lampi-web.service"}),
    ],
)
def test_with_the_page_its_program_its_settings_and_nginx(tmp_path: Path, service: str, files: set[str]) -> None:
    said = install(HOST, "--prefix", str(tmp_path), "--service", service, "--web", "Our.Lamps.example")
    assert said.exit_code == 0, said.output
    laid_out = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert {path for path in laid_out if "conf.d/lampi-" in path or path.endswith(".service")} == files
    nginx = (tmp_path / "etc/nginx/conf.d/lampi.conf").read_text()
    assert (nginx.count("server_name our.lamps.example;"), "example.com" in nginx) == (2, False)
    settings = read_settings_file(tmp_path / "etc/lampi/lampi.env")
    assert settings["LAMPI_CLAIM_URL"] == "https://our.lamps.example/associate"
    assert read_web_settings(settings).trusted_proxy == "127.0.0.1"
    assert modes(tmp_path)["etc/lampi/lampi.env"] == "0640"


def test_the_page_stays_when_its_name_is_not_said_again_and_may_get_another(tmp_path: Path) -> None:
    install(HOST, "--prefix", str(tmp_path), "--web", "lamps.example.org")
    again = install(HOST, "--prefix", str(tmp_path))
    assert {line.split()[0] for line in again.output.splitlines()[1:-1]} == {"same"}
    assert "/etc/supervisor/conf.d/lampi-web.conf" in again.output
    install(HOST, "--prefix", str(tmp_path), "--web", "lamps.example.net")
    assert "https://lamps.example.net/" in (tmp_path / "etc/lampi/lampi.env").read_text()


@pytest.mark.parametrize("page", ["", "a b", "lamps.example.com/x", "a;b", "x" * 60, "https://lamps.example.com", "-"])
def test_a_page_s_name_that_is_none_is_refused_before_anything_is_done(tmp_path: Path, page: str) -> None:
    said = install("--prefix", str(tmp_path / "root"), f"--web={page}")
    assert (said.exit_code, said.stderr.count("\n")) == (1, 1)
    assert list(tmp_path.iterdir()) == []


def test_without_the_extra_for_the_page_it_is_not_laid_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "waitress", None)
    said = install("--prefix", str(tmp_path / "root"), "--web", HOST)
    assert (said.exit_code, "'.[cloud,web]'" in said.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("host", ["", "a b", "lamps.example.com:99999"])
def test_a_host_that_is_none_is_refused_before_anything_is_done(tmp_path: Path, host: str) -> None:
    said = install("--prefix", str(tmp_path / "root"), "--", host)
    assert said.exit_code != 0
    assert list(tmp_path.iterdir()) == []


def test_missing_write_access_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write everywhere
    said = install("--prefix", str(tmp_path / "root"))
    assert (said.exit_code, said.stderr.count("\n")) == (1, 1)
    assert "run this as root, or give --prefix" in said.stderr


@pytest.mark.server
@pytest.mark.parametrize("file", [package_files.DAEMON_UNIT, package_files.WEB_UNIT], ids=["daemon", "web"])
def test_systemd_understands_the_unit_and_finds_it_hardened(tmp_path: Path, file: Path) -> None:
    unit = tmp_path / file.name
    unit.write_text(package_files.filled_in(file, {"/opt/lampi/bin/lampi-cloud": "/bin/true"}))
    verified = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    # 10 is wide open; the threshold is in tenths of that scale's points.
    command = ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(unit)]
    rated = subprocess.run(command, capture_output=True, text=True, check=False)
    assert rated.returncode == 0, rated.stdout


def test_the_broker_may_open_more_files_than_lamps_connect() -> None:
    most = re.search(r"^LimitNOFILE=(\d+)$", package_files.BROKER_UNIT_LIMITS.read_text(), re.MULTILINE)
    lamps = re.search(r"^max_connections (\d+)$", package_files.CLOUD_BROKER.read_text(), re.MULTILINE)
    assert most is not None
    assert lamps is not None
    assert int(most[1]) - int(lamps[1]) > 1024
    assert int(lamps[1]) > 100_000


def test_the_wrapper_drops_root_except_where_only_root_may_write(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in ("setpriv", "lampi-cloud"):
        (tools / tool).write_text(f'#!/bin/sh\necho {tool} "$LAMPI_SETTINGS_FILE" "$@"\n')
        (tools / tool).chmod(0o755)
    wrapper = tmp_path / "wrapper"
    wrapper.write_text(
        package_files.filled_in(package_files.COMMAND, {"/opt/lampi/bin/lampi-cloud": str(tools / "lampi-cloud")})
    )

    def ran(*words: str) -> list[str]:
        environment = os.environ | {"PATH": f"{tools}:{os.environ['PATH']}", "SUDO_USER": "ada"}
        done = subprocess.run(["sh", wrapper, *words], env=environment, capture_output=True, text=True, check=True)
        return shlex.split(done.stdout)

    assert ran("provision", "b827ebba0387")[:3] == ["lampi-cloud", "/etc/lampi/lampi.env", "provision"]
    dropped = ran("lamps", "--json")
    assert dropped[:3] == ["setpriv", "/etc/lampi/lampi.env", "--reuid=lampi"]
    assert "SUDO_USER=ada" in dropped
    assert dropped[-2:] == ["lamps", "--json"]
