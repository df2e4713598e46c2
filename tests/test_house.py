"""The rules of the house (ARCHITECTURE.md): who may know whom, and where things are said."""

import ast
import configparser
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST_MODULE_LINES = 250

FORBIDDEN_IMPORTS = {
    "shared": {"cloud", "lamp_ui", "peewee", "playhouse", "kivy"},
    "cloud": {"lamp_ui", "kivy"},
    "lamp_ui": {"cloud", "peewee", "playhouse"},
}
TOPIC_PIECES = ("devices/", "$SYS/", "lamp/associated", "lamp/set_config", "lamp/changed")


def modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def imported_by(source: str, path: Path) -> Iterator[str]:
    """Yield the top-level package of every import in a module, also of those inside functions."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            yield (*above, *(node.module or "").split("."))[0]
            if not node.module and not above:
                yield from (alias.name for alias in node.names)


def literals_in(source: str) -> Iterator[str]:
    """Yield every string in a module, with the constant parts of f-strings, but no docstring."""
    tree = ast.parse(source)
    docstrings = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and id(node) not in docstrings:
            if isinstance(node.value, str):
                yield node.value
            elif isinstance(node.value, bytes):
                yield node.value.decode("latin-1")


@pytest.mark.parametrize("package", FORBIDDEN_IMPORTS)
def test_packages_know_only_whom_they_may(package: str) -> None:
    assert modules(package)
    wrong = [
        f"{name_of(path)} imports {imported}"
        for path in modules(package)
        for imported in sorted(set(imported_by(path.read_text(encoding="utf-8"), path)) & FORBIDDEN_IMPORTS[package])
    ]
    assert wrong == []


def test_the_page_never_speaks_to_the_broker() -> None:
    """Not by any module that it imports, however far down: it changes the database, and the daemon says so."""
    program = "import sys, cloud.web.server; sys.exit('paho' in sys.modules or 'shared.mqtt.client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_topics_are_spelled_in_shared_only() -> None:
    wrong = [
        f"{name_of(path)} spells {literal!r}"
        for path in modules("cloud", "lamp_ui")
        for literal in literals_in(path.read_text(encoding="utf-8"))
        if any(piece in literal for piece in TOPIC_PIECES)
    ]
    assert wrong == []


def test_modules_are_short() -> None:
    lines = {
        name_of(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in modules("shared", "cloud", "lamp_ui")
    }
    assert {name: count for name, count in lines.items() if count > LONGEST_MODULE_LINES} == {}


def console_scripts() -> dict[str, str]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", encoding="utf-8")
    lines = setup["options.entry_points"]["console_scripts"].strip().splitlines()
    return {name.strip(): target.strip() for name, target in (line.split("=") for line in lines)}


def test_there_are_console_scripts() -> None:
    assert set(console_scripts()) == {"lampi-cloud", "lampi-ui"}


@pytest.mark.parametrize("script", console_scripts())
def test_a_console_script_resolves(script: str) -> None:
    module, function = console_scripts()[script].split(":")
    # In a process of its own: importing kivy reads the command line and may set up logging for the whole process.
    program = f"from {module} import {function}; assert callable({function})"
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "KIVY_NO_ARGS": "1", "KIVY_NO_FILELOG": "1", "KIVY_NO_CONFIG": "1"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("import cloud.store.lamps", {"cloud"}),
        ("def f():\n    from cloud import models", {"cloud"}),
        ("import os, kivy.clock as c", {"os", "kivy"}),
        ("from . import topics", {"shared"}),
        ("from .topics import presence", {"shared"}),
        ("from .. import cloud", {"", "cloud"}),
        ("from ..cloud import models", {"cloud"}),
        ("'import cloud'", set()),
    ],
)
def test_imports_are_found_however_they_are_written(source: str, found: set[str]) -> None:
    assert set(imported_by(source, ROOT / "shared" / "example.py")) == found


def test_literals_are_found_but_no_docstrings() -> None:
    source = '"""a"""\ndef f(x):\n    """b"""\n    "c"\n    return "d" + f"e{x}f" + str(b"g")\nclass C:\n    """h"""\n'
    assert set(literals_in(source)) == {"c", "d", "e", "f", "g"}
