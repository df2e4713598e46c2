"""The versions that this release was tested with: `python -m tests.support.pins >constraints.txt` writes them down.

They are what is installed here of all that the programs need, with what that needs in turn; not of what only the tests
need, nor of lgpio, which talks to a Pi's hardware: the tests can't run it.
"""

import configparser
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
FILE = ROOT / "constraints.txt"
NOT_DEPLOYED = ("dev", "fuzz")
NOT_OURS = ("setuptools",)
"""What comes with Python's own virtual environments, of another version for each Python."""

_HEADER = """\
# The versions that this release was tested with, for: pip install -c constraints.txt '.[cloud]'
# `make constraints` writes this file anew.
"""


def wanted() -> dict[str, list[Requirement]]:
    """Return what setup.cfg asks for, by extra; under the empty name what every program needs."""
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = {"": setup["options"]["install_requires"], **setup["options.extras_require"]}
    return {extra: [Requirement(line) for line in text.strip().splitlines()] for extra, text in lines.items()}


def deployed() -> dict[str, str]:
    """Return the installed version of each distribution that a deployment gets, by its name."""
    versions: dict[str, str] = {}
    waiting = [each for extra, asked in wanted().items() if extra not in NOT_DEPLOYED for each in asked]
    seen = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        try:
            found = distribution(requirement.name)
        except PackageNotFoundError:  # a Pi's own, or another system's
            continue
        versions[key[0]] = found.version
        waiting += needed_by(found.requires or (), requirement.extras)
    return dict(sorted((name, version) for name, version in versions.items() if name not in NOT_OURS))


def needed_by(lines: list[str] | tuple[str, ...], extras: set[str]) -> Iterator[Requirement]:
    """Yield what a distribution needs here, with some of its extras."""
    for line in lines:
        requirement = Requirement(line)
        environments: list[dict[str, str]] = [{"extra": extra} for extra in extras or {""}]
        if requirement.marker is None or any(requirement.marker.evaluate(each) for each in environments):
            yield requirement


def written() -> dict[str, str]:
    """Return the versions in constraints.txt, by name."""
    lines = FILE.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if line and not line.startswith("#"))


if __name__ == "__main__":
    print(_HEADER + "\n".join(f"{name}=={version}" for name, version in deployed().items()))  # noqa: T201
