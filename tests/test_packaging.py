"""What `pip install .` brings: all that the programs read, as setuptools collects it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared", "cloud", "lamp_ui")
FOR_PEOPLE = (".po", ".png", ".md")
"""What is for those who work on it; the program reads the compiled catalogues."""


def shipped() -> set[str]:
    """Return the files that the programs are made of, as the checkout has them."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return {
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix not in FOR_PEOPLE and path.parent.name != "__pycache__"
    }


@pytest.mark.slow
def test_what_is_installed_has_every_file_that_the_programs_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, source / package, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "README.md"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-c", "import setuptools; setuptools.setup()", "--quiet", "build_py", "--build-lib"]
    built = subprocess.run([*command, tmp_path / "built"], cwd=source, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    packed = (path for path in (tmp_path / "built").rglob("*") if path.is_file())
    assert {str(path.relative_to(tmp_path / "built")) for path in packed} == shipped()
