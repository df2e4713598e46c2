"""The tests of the core reach each of its branches, and need neither Kivy nor MQTT."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FOLDERS = ("core", "geometry")

PROGRAM = """
import sys
import coverage
import pytest

pure, tests, data = sys.argv[1].split(), sys.argv[2].split(), sys.argv[3]
measured = coverage.Coverage(branch=True, include=pure, data_file=data)
measured.start()
status = pytest.main(["-q", "-p", "no:cacheprovider", "--noconftest", *tests])
measured.stop()
loaded = sorted(name for name in sys.modules if name.split(".")[0] in ("kivy", "paho") or name == "shared.mqtt.client")
percent = measured.report(show_missing=True, precision=2)
sys.exit(status or (1 if loaded or percent < 100 else 0))
"""


@pytest.mark.slow
def test_every_branch_is_reached_without_kivy_or_mqtt(tmp_path: Path) -> None:
    pure = " ".join(str(file) for folder in FOLDERS for file in (ROOT / "lamp_ui" / folder).glob("*.py"))
    tests = " ".join(str(ROOT / "tests" / "lamp_ui" / folder) for folder in FOLDERS)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, pure, tests, str(tmp_path / "coverage")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "lamp_ui/core/presenter.py" in ran.stdout
