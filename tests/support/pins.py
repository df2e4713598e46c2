"""The pinned versions: constraints.txt, and what is installed beside it."""

import configparser
import sysconfig
from importlib.metadata import distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILE = ROOT / "constraints.txt"
OURS = "lampi-association"
BROUGHT_BY_PYTHON = ("pip",)
"""`python -m venv` installs it; `make run` leaves it as it is."""


def required() -> list[Requirement]:
    """Return the direct dependencies in setup.cfg, of every extra."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    texts = [setup["options"]["install_requires"], *setup["options.extras_require"].values()]
    return [Requirement(line) for text in texts for line in text.strip().splitlines()]


def pinned() -> dict[str, Requirement]:
    """Return each line of constraints.txt, by the distribution's canonical name."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(each.name): each for each in requirements}


def installed() -> dict[str, str]:
    """Return the version of each distribution in this environment but our own, by canonical name."""
    # Not along sys.path, which setuptools, once imported, makes lead to the libraries that it brings along.
    found = {canonicalize_name(each.name): each.version for each in distributions(path=[sysconfig.get_path("purelib")])}
    return {name: version for name, version in found.items() if name != OURS}


def unpinned(versions: dict[str, str], pins: dict[str, Requirement]) -> list[str]:
    """Return what of these installed versions is not the pinned one, each as ``name==version``."""
    return [
        f"{name}=={version}"
        for name, version in sorted(versions.items())
        if name not in BROUGHT_BY_PYTHON and (name not in pins or str(pins[name].specifier) != f"=={version}")
    ]
