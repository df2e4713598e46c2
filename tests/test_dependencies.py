"""The pinned versions, and the audit of them."""

import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support import audit, pins

NPM_FOLDERS = [pins.ROOT / "tests" / "support" / name for name in ("axe", "cluster")]

SAFE = {"name": "click", "version": "8.5.1", "vulns": []}
UNKNOWN = {"name": "peewee", "skip_reason": "Dependency not found on PyPI and could not be audited"}
VULNERABLE = {
    "name": "requests",
    "version": "2.19.0",
    "vulns": [{"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"], "aliases": []}],
}


def test_every_installed_version_is_pinned() -> None:
    assert pins.unpinned(pins.installed(), pins.pinned()) == [], "run `make constraints`, or make the environment again"


def test_an_installed_version_that_is_not_pinned_is_reported() -> None:
    pinned = {"babel": Requirement("babel==2.19.0"), "ruff": Requirement("ruff==0.17.6")}
    found = {"babel": "2.19.0", "ruff": "0.17.7", "stray": "1.0", "pip": "24.0"}
    assert pins.unpinned(found, pinned) == ["ruff==0.17.7", "stray==1.0"]


def test_the_pins_satisfy_setup_cfg() -> None:
    pinned = pins.pinned()
    for each in pins.required():
        (pin,) = pinned[canonicalize_name(each.name)].specifier
        assert pin.operator == "=="
        assert each.specifier.contains(pin.version), each


def test_the_package_is_built_with_the_pinned_setuptools() -> None:
    build_system = tomllib.loads((pins.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["build-system"]
    assert build_system["requires"] == [str(pins.pinned()["setuptools"])]


def npm_packages(lock: Path) -> dict[str, dict[str, Any]]:
    packages: dict[str, dict[str, Any]] = json.loads(lock.read_text(encoding="utf-8"))["packages"]
    return packages


@pytest.mark.parametrize("folder", NPM_FOLDERS)
def test_every_npm_package_is_pinned(folder: Path) -> None:
    locked = npm_packages(folder / "package-lock.json")
    wanted = json.loads((folder / "package.json").read_text(encoding="utf-8"))["dependencies"]
    assert locked.pop("")["dependencies"] == wanted
    assert all(each["version"] and each["integrity"] and "resolved" not in each for each in locked.values())


@pytest.mark.server  # `make quick` installs nothing from npm
@pytest.mark.parametrize("folder", NPM_FOLDERS)
def test_the_installed_npm_packages_are_the_pinned_ones(folder: Path) -> None:
    locked = npm_packages(folder / "package-lock.json")
    installed = npm_packages(folder / "node_modules" / ".package-lock.json")
    assert {name: each["version"] for name, each in installed.items()} == {
        name: each["version"] for name, each in locked.items() if name
    }


def test_pip_takes_the_file(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "install", "--dry-run", "--no-deps", "--no-index", "--constraint"]
    done = subprocess.run(
        [*command, str(pins.FILE), "click"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_no_registry_is_named() -> None:
    text = pins.FILE.read_text(encoding="utf-8")
    assert "://" not in text
    assert "--" not in text


def answers(tmp_path: Path, *of_services: str) -> list[str]:
    """Return a command that stands for pip-audit, and answers each time with the next of these lines of shell."""
    script = tmp_path / "pip-audit"
    cases = "".join(f"{service}) {line} ;;\n" for service, line in zip(audit.SERVICES, of_services, strict=False))
    script.write_text(f'#!/bin/sh\ncase "$2" in\n{cases}esac\n')
    script.chmod(0o755)
    return [str(script)]


def told(*dependencies: object) -> str:
    return f"echo '{json.dumps({'dependencies': dependencies})}'"


def test_nothing_is_found(tmp_path: Path) -> None:
    assert audit.vulnerabilities(answers(tmp_path, told(SAFE))) == []


def test_a_vulnerability_is_reported_even_if_not_all_could_be_checked(tmp_path: Path) -> None:
    expected = ["requests 2.19.0: PYSEC-2018-28, mended in 2.20.0"]
    assert audit.vulnerabilities(answers(tmp_path, told(SAFE, VULNERABLE))) == expected
    assert audit.vulnerabilities(answers(tmp_path, told(UNKNOWN, VULNERABLE))) == expected


def test_the_next_service_is_asked_where_the_first_knows_nothing(tmp_path: Path) -> None:
    assert len(audit.vulnerabilities(answers(tmp_path, told(UNKNOWN), told(VULNERABLE)))) == 1
    assert audit.vulnerabilities(answers(tmp_path, told(UNKNOWN), told(SAFE))) == []


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        (told(SAFE, UNKNOWN), "it knows nothing of 1 of 2 packages, as of peewee"),
        (told(), "there is nothing in it"),
        ("echo 'Name or service not known' >&2; exit 1", "Name or service not known"),
        ("exit 3", "exit status 3"),
    ],
)
def test_an_audit_that_was_not_done_is_no_clean_one(tmp_path: Path, first: str, reason: str) -> None:
    with pytest.raises(audit.NotDone) as not_done:
        audit.vulnerabilities(answers(tmp_path, first, "exit 1"))
    assert str(not_done.value) == f"pypi: {reason}; osv: exit status 1"
