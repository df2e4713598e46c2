"""Architecture rules (ARCHITECTURE.md): who may import whom, and where topics and queries are defined."""

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

QUERIES = {"select", "update", "insert", "insert_many", "delete", "create", "get", "get_or_none", "get_by_id"}
TOPIC_PIECES = ("devices/", "$SYS/", "lamp/associated", "lamp/set_config", "lamp/changed")


def modules(*packages: str) -> list[Path]:
    return sorted(path for package in packages for path in (ROOT / package).rglob("*.py"))


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


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


def test_imports_point_one_way() -> None:
    """`pyproject.toml` has the contracts: the layers of `cloud` and of `lamp_ui`, and what `shared` may know."""
    # In a process of its own: it disables all loggers.
    program = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout


def queries_in(source: str) -> Iterator[str]:
    """Yield what queries a table or opens a transaction in a module."""
    tables = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("cloud.store."):
            tables |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "cloud.db.database":
            yield from (alias.name for alias in node.names if alias.name in {"run_sql", "write_transaction"})
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            of = node.func.value
            if isinstance(of, ast.Name) and of.id in tables and node.func.attr in QUERIES:
                yield f"{of.id}.{node.func.attr}"


def test_entry_points_call_services_and_write_no_query() -> None:
    wrong = [
        f"{name_of(path)}: {query}"
        for path in modules("cloud/web", "cloud/api", "cloud/cli")
        for query in queries_in(path.read_text(encoding="utf-8"))
    ]
    assert wrong == []


def test_queries_are_found() -> None:
    source = (
        "from cloud.db.database import run_sql\nfrom cloud.store.lamps import Lampi\nLampi.select()\nFound.select()\n"
    )
    assert list(queries_in(source)) == ["run_sql", "Lampi.select"]


def test_the_page_never_speaks_to_the_broker() -> None:
    """Not by any module that it imports, even indirectly: it changes the database, and the daemon publishes."""
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


def test_literals_are_found_but_no_docstrings() -> None:
    source = '"""a"""\ndef f(x):\n    """b"""\n    "c"\n    return "d" + f"e{x}f" + str(b"g")\nclass C:\n    """h"""\n'
    assert set(literals_in(source)) == {"c", "d", "e", "f", "g"}
