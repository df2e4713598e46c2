"""`make`, before it installs anything."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("facts", "refusal"),
    [
        ({"version_info": (3, 10, 12)}, "Python 3.11, 3.12 or 3.13 is needed; name it as in: make PYTHON=python3.13"),
        ({"version_info": (3, 14, 0)}, "Python 3.11, 3.12 or 3.13 is needed; name it as in: make PYTHON=python3.13"),
        ({"maxsize": 2**31 - 1}, "A 64-bit system is needed"),
    ],
)
def test_a_python_that_has_no_kivy_is_refused_at_once(tmp_path: Path, facts: dict[str, object], refusal: str) -> None:
    for name in ("Makefile", "setup.cfg", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).symlink_to(ROOT / name)
    # A Python that is this one, but says these things of itself.
    (tmp_path / "sitecustomize.py").write_text(
        "".join(f"import sys\nsys.{name} = {value!r}\n" for name, value in facts.items())
    )
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{tmp_path}" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    done = subprocess.run(
        ["make", ".venv/run-ready", f"PYTHON={python}"],
        cwd=tmp_path,
        env=os.environ | {"MAKEFLAGS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert refusal in done.stderr.splitlines()[0]
    assert not (tmp_path / ".venv").exists()
