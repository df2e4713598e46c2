"""The versions that are pinned for deployment, and the audit of them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from tests.support import audit, pins

SAFE = {"name": "click", "version": "8.5.1", "vulns": []}
UNKNOWN = {"name": "peewee", "skip_reason": "Dependency not found on PyPI and could not be audited"}
VULNERABLE = {
    "name": "requests",
    "version": "2.19.0",
    "vulns": [{"id": "PYSEC-2018-28", "fix_versions": ["2.20.0"], "aliases": []}],
}


def test_what_is_pinned_is_what_the_tests_run_with() -> None:
    assert pins.written() == pins.deployed(), "`make constraints` writes them anew"


def test_what_is_pinned_satisfies_what_setup_cfg_asks_for() -> None:
    pinned = pins.written()
    asked = [each for extra, lines in pins.wanted().items() if extra not in pins.NOT_DEPLOYED for each in lines]
    missing = {each.name for each in asked if canonicalize_name(each.name) not in pinned}
    assert missing == {"lgpio"}  # a Pi's own
    for each in asked:
        if each.name not in missing:
            assert each.specifier.contains(pinned[canonicalize_name(each.name)]), each


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


def test_what_is_found_is_said_also_where_not_all_was_asked(tmp_path: Path) -> None:
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
