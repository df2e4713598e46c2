"""`pip install` from a checkout: what it installs, and that it leaves nothing behind."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared", "cloud", "lamp_ui")
PROJECT_FILES = ("MANIFEST.in", "README.md", "build_backend.py", "pyproject.toml", "setup.cfg")
GONE = "cloud/db/migrations/0099_gone.py"
FOR_PEOPLE = (".po", ".png", ".md")
"""What is for those who work on it; the program reads the compiled catalogues."""

pytestmark = pytest.mark.slow


def shipped() -> set[str]:
    """Return the files that the programs are made of, as the checkout has them."""
    files = (path for package in PACKAGES for path in (ROOT / package).rglob("*") if path.is_file())
    return {
        str(path.relative_to(ROOT))
        for path in files
        if path.suffix not in FOR_PEOPLE and path.parent.name != "__pycache__"
    }


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Give a checkout in which nothing can be built in place, not even by root.

    Its modes allow no writing; where setuptools would make folders are files; an older build/ has a removed migration.
    """
    folder = tmp_path / "checkout"
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "screenshots"))
    for name in PROJECT_FILES:
        shutil.copy(ROOT / name, folder)
    (folder / "build" / "lib" / GONE).parent.mkdir(parents=True)
    (folder / "build" / "lib" / GONE).write_text("")
    (folder / "lampi_association.egg-info").write_text("")
    for place, _, _ in os.walk(folder):
        Path(place).chmod(0o555)
    return folder


def run(*words: str | Path) -> None:
    """Run pip, which builds with the setuptools of this environment: it is the pinned one."""
    command: list[str | Path] = [sys.executable, "-m", "pip", *words, "--no-build-isolation"]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPATH"] = str(Path(setuptools.__file__).parents[1])  # also for a new environment's Python
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def tree(folder: Path) -> dict[str, int]:
    """Return when each file and folder below a folder was last changed."""
    return {str(path.relative_to(folder)): path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_wheel_has_every_file_that_the_programs_read_and_none_that_was_removed(
    tmp_path: Path, checkout: Path
) -> None:
    before = tree(checkout)
    run("wheel", "--no-deps", "--wheel-dir", tmp_path, checkout)
    (wheel,) = tmp_path.glob("*.whl")
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert packed == shipped()
    assert tree(checkout) == before


def test_an_editable_installation_runs_the_checkout_and_leaves_nothing_in_it(tmp_path: Path, checkout: Path) -> None:
    before = tree(checkout)
    site = tmp_path / "site"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", site], check=True)
    python = site / "bin" / "python"
    run("--python", python, "install", "--no-deps", "--editable", checkout)
    asked = "import cloud, lamp_ui, shared; print(cloud.__file__, lamp_ui.__file__, shared.__file__)"
    said = subprocess.run([python, "-B", "-c", asked], cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert said.split() == [str(checkout / package / "__init__.py") for package in ("cloud", "lamp_ui", "shared")]
    assert tree(checkout) == before


def test_a_source_distribution_can_build_the_same_wheel(tmp_path: Path, checkout: Path) -> None:
    before = tree(checkout)
    build = "import build_backend, sys; build_backend.build_sdist(sys.argv[1])"
    subprocess.run(
        [sys.executable, "-c", build, tmp_path],
        cwd=checkout,
        capture_output=True,
        check=True,
    )
    assert tree(checkout) == before
    (archive,) = tmp_path.glob("*.tar.gz")
    subprocess.run(["tar", "--extract", "--file", archive, "--directory", tmp_path], check=True)
    (source,) = tmp_path.glob("lampi*-*/")
    run("wheel", "--no-deps", "--wheel-dir", tmp_path, source)
    (wheel,) = tmp_path.glob("*.whl")
    assert shipped() <= set(zipfile.ZipFile(wheel).namelist())
