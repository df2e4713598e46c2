"""The files for the Pi, as far as a PC can try them: systemd reads its unit, a real supervisord runs its program."""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.lamp_ui.conftest import DEVICE_ID
from tests.support.broker import Mosquitto
from tests.support.screen import VirtualScreen
from tests.support.waiting import wait_until

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "lamp_ui" / "deploy"


def unit() -> dict[str, str]:
    parser = configparser.ConfigParser(strict=False, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(DEPLOY / "lampi-ui.service", encoding="utf-8")
    return {f"{section}.{name}": value for section in parser.sections() for name, value in parser.items(section)}


def test_the_unit_starts_it_again_always_and_waits_for_no_network() -> None:
    said = unit()
    assert said["Service.ExecStart"] == "/opt/lampi/bin/lampi-ui"
    assert said["Service.Restart"] == "always"
    assert said["Unit.StartLimitIntervalSec"] == "0"
    assert not any(name in said for name in ("Unit.After", "Unit.Requires", "Unit.Wants", "Unit.BindsTo"))


@pytest.mark.server
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path) -> None:
    there = (DEPLOY / "lampi-ui.service").read_text(encoding="utf-8")
    copy = tmp_path / "lampi-ui.service"
    copy.write_text(
        there.replace("/opt/lampi/bin/lampi-ui", sys.executable).replace("@USER@", "root"), encoding="utf-8"
    )
    verified = subprocess.run(["systemd-analyze", "verify", copy], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stdout + verified.stderr) == (0, "")


def test_a_real_supervisord_runs_the_shipped_program_and_heals_it(tmp_path: Path, broker: Mosquitto) -> None:
    program = (DEPLOY / "lampi-ui.conf").read_text(encoding="utf-8")
    for there, here in {
        "/opt/lampi/bin/lampi-ui": f"{sys.executable} -m lamp_ui --size 240x320",
        "user=@USER@\n": "",
        "/var/log/supervisor": str(tmp_path),
        "@HOME@": str(tmp_path),
    }.items():
        assert there in program
        program = program.replace(there, here)
    socket = tmp_path / "s"
    config = tmp_path / "supervisord.conf"
    config.write_text(
        f"[supervisord]\nnodaemon=true\nlogfile={tmp_path}/supervisord.log\npidfile={tmp_path}/pid\n"
        f"[unix_http_server]\nfile={socket}\n[supervisorctl]\nserverurl=unix://{socket}\n"
        "[rpcinterface:supervisor]\n"
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface\n" + program,
        encoding="utf-8",
    )
    state = f"devices/{DEVICE_ID}/lamp/connection/lamp_ui/state"
    with VirtualScreen() as screen:
        environment = os.environ | {
            "DISPLAY": screen.display,
            "KIVY_HOME": str(tmp_path / "kivy"),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "LAMPI_BROKER_URL": str(broker.url),
            "LAMPI_DEVICE_ID": DEVICE_ID,
        }
        supervisor = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
        control = [sys.executable, "-m", "supervisor.supervisorctl", "-c", str(config)]
        with broker.hear(state) as ear, (tmp_path / "out").open("wb") as out:
            running = subprocess.Popen(supervisor, cwd=ROOT, env=environment, stdout=out, stderr=out)
            try:
                assert ear.next(60).payload == b"1"
                ended = subprocess.run([*control, "signal", "KILL", "lampi-ui"], capture_output=True, check=False)
                assert ended.returncode == 0, ended.stdout
                assert ear.next(60).payload == b"0"
                assert ear.next(60).payload == b"1"
                stopped = subprocess.run([*control, "stop", "lampi-ui"], capture_output=True, text=True, check=False)
                assert "stopped" in stopped.stdout
                assert ear.next(60).payload == b"0"
            finally:
                running.terminate()
                running.wait(30)
    wait_until(lambda: not socket.exists(), "supervisord to leave")
