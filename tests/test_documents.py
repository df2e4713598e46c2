"""The documents: sizes, links, forbidden words, and the existence of what they name."""

import ast
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import click
import pytest

from cloud.cli import commands
from lamp_ui.__main__ import main as lampi_ui

ROOT = Path(__file__).parents[1]
PACKAGES = ("shared", "cloud", "lamp_ui")
NOT_OURS = {".venv", ".debian", ".brokers", ".desk", "node_modules", ".pytest_cache"}

MOST_CHARACTERS = 25_000
MOST_CHARACTERS_OF_README = 9_000


def our_documents() -> Iterator[Path]:
    """Walk past what is not ours: other systems' roots there may be under construction."""
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if name not in NOT_OURS]
        yield from (Path(folder, name) for name in names if name.endswith(".md"))


DOCUMENTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in sorted(our_documents())}
EXPECTED = {
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "cloud/README.md",
    "cloud/api/README.md",
    "lamp_ui/README.md",
    "shared/README.md",
}

OLD_WORDS = (
    r"somebody",
    r"nobody",
    r"anew",
    r"heeds?",
    r"borne",
    r"in vain",
    r"by halves",
    r"leads? nowhere",
    r"just now",
    r"(in )?the usual way",
    r"(is|are|was|were|be|been) told",
    r"tells? (the|every|all) lamps?",
    r"(is|are) said",
    r"present (folder|file|password|transaction|code|state)",
    r"rooms?",
    r"is not so",
    r"(is|are) away",
    r"what is refused",
    r"what shall",
    r"(?<=[.:;!|] )who \w+s",
    r"do not go together",
    r"lives in the year",
    r"doing so a little at a time",
    r"healing",
    r"ghosts?",
    r"roll( call)?",
    r"reading back",
    r"upkeep",
    r"the desk",
)
"""Words and phrases that the project has replaced by the field's terms; see CONTRIBUTING.md, "Language"."""

QUOTED_AS_IT_IS = re.compile(r"`[^`]*`|\]\([^)]*\)|<img [^>]*>|\"Room 12\"")
"""Quotations from the program, such as messages and file names, which are not checked."""

DOCUMENT_NAME = re.compile(r"[\w-]+\.md\b")

OF_THE_DEMO = {"LAMPI_MOSQUITTO", "LAMPI_PYTHON", "LAMPI_LAMP_BROKER", "LAMPI_WEB_PORT"}
"""Passed from `make run` to the configuration of its supervisord; no setting of a user's."""

OF_THE_TESTS = {"LAMPI_TEST_MOSQUITTO"}


def without_code_blocks(text: str) -> str:
    return re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE)


def code_blocks(text: str) -> str:
    return "\n".join(re.findall(r"^```.*?$(.*?)^```$", text, flags=re.DOTALL | re.MULTILINE))


def prose_of(text: str) -> str:
    """Return a document's own words, one line: old words hide neither in its code blocks nor at the end of a line."""
    return " ".join(QUOTED_AS_IT_IS.sub(" ", text.replace("\n", " \n ")).split())


def anchors_of(text: str) -> set[str]:
    """Return the anchors that GitHub makes for a document's headings."""
    headings = re.findall(r"^#+ (.*)$", without_code_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def links_of(text: str) -> list[str]:
    """Return the targets of a document's links and pictures that are not on the web."""
    prose = re.sub(r"`[^`\n]*`", "code", without_code_blocks(text))
    found = re.findall(r"\]\(([^)\s]+)\)", prose) + re.findall(r'<img src="([^"]+)"', prose)
    return [target for target in found if not target.startswith(("https://", "http://"))]


def broken_links(name: str, text: str) -> list[str]:
    broken = []
    for target in links_of(text):
        path, _, anchor = target.partition("#")
        file = (ROOT / name).parent / path if path else ROOT / name
        is_here = file.resolve().is_relative_to(ROOT) and file.exists()
        if not is_here or (anchor and anchor not in anchors_of(file.read_text(encoding="utf-8"))):
            broken.append(target)
    return broken


def old_words_in(text: str) -> list[str]:
    prose = prose_of(text)
    return [found[0] for word in OLD_WORDS for found in re.finditer(rf"\b{word}\b", prose, re.IGNORECASE)]


def literals_of(package: str, *, leave_out: str = "-") -> Iterator[str]:
    """Yield every string of a package's modules; an f-string's parts are joined by a NUL."""
    for path in sorted((ROOT / package).rglob("*.py")):
        if leave_out in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value
            elif isinstance(node, ast.JoinedStr):
                parts = (part.value if isinstance(part, ast.Constant) else "\0" for part in node.values)
                yield "".join(str(part) for part in parts)


def rows_of(text: str, heading: str) -> list[list[str]]:
    """Return the cells of each row of the tables whose first column has this heading."""
    tables = re.findall(rf"^\| {heading} \|.*\n\|[-| ]+\|\n((?:\|.*\n)*)", text, re.MULTILINE)
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for table in tables for row in table.splitlines()]


def settings_rows() -> list[list[str]]:
    return [row for text in DOCUMENTS.values() for row in rows_of(text, "setting")]


def documented_settings() -> set[str]:
    return {name for row in settings_rows() for name in re.findall(r"LAMPI_[A-Z_]+[A-Z]", row[0])}


def settings_that_the_code_reads() -> set[str]:
    """Return the names that are strings of the programs, outside of `make run`."""
    literals = (text for package in PACKAGES for text in literals_of(package, leave_out="local_stack"))
    return {text for text in literals if re.fullmatch(r"LAMPI_[A-Z_]+[A-Z]", text)}


def options_of(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            yield from parameter.opts
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            if (child := command.get_command(context, name)) is not None:
                yield from options_of(child)


def command_names() -> set[str]:
    """Return all commands of `lampi-cloud`, those of a group with its name before them."""
    context = click.Context(commands)
    names = set()
    for name in commands.list_commands(context):
        command = commands.get_command(context, name)
        names |= {f"{name} {child}" for child in command.commands} if isinstance(command, click.Group) else {name}
    return names


def quoted_messages() -> list[str]:
    """Return the messages that the tables of troubleshooting quote, and the sentences of the table of states."""
    rows = [row for text in DOCUMENTS.values() for row in rows_of(text, "what you see")]
    logged = [message for row in rows for message in re.findall(r"`([^`]+)`", row[0])]
    states = rows_of(DOCUMENTS["lamp_ui/README.md"], "what is known")
    shown = {sentence for row in states for cell in row for sentence in re.findall(r"\*([^*]+)\*", cell)}
    return [*logged, *sorted(shown)]


@cache
def what_the_programs_say() -> str:
    """Return every string and every template of the programs, in which quoted messages are looked for."""
    templates = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "cloud/web/templates").glob("*.html"))]
    return "\n".join([*(text for package in PACKAGES for text in literals_of(package)), *templates])


def fixed_parts(message: str) -> list[str]:
    """Return what of a quoted message is always the same: all but its dots, numbers, and what stands in parentheses."""
    return [part.strip() for part in re.split(r"\.\.\.|\(.*?\)|\d+|lampi\.db", message) if len(part.strip()) > 2]


def test_the_documents_are_there() -> None:
    assert set(DOCUMENTS) >= EXPECTED


def test_the_readme_fits_on_two_screens() -> None:
    assert len(DOCUMENTS["README.md"]) < MOST_CHARACTERS_OF_README


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_short(name: str) -> None:
    assert len(DOCUMENTS[name]) < MOST_CHARACTERS


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_and_headings_of_the_repository(name: str) -> None:
    assert broken_links(name, DOCUMENTS[name]) == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_refers_to_nothing_outside_of_the_repository(name: str) -> None:
    ours = {Path(document).name for document in DOCUMENTS}
    assert set(DOCUMENT_NAME.findall(DOCUMENTS[name])) <= ours


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_has_none_of_the_old_words(name: str) -> None:
    assert old_words_in(DOCUMENTS[name]) == []


def test_the_readme_leads_to_every_document_for_readers() -> None:
    linked = {target.partition("#")[0] for target in links_of(DOCUMENTS["README.md"])}
    reached = {name for name in DOCUMENTS if name.endswith("README.md") or "/" not in name}
    assert reached - linked - {"README.md", "lamp_ui/screenshots/README.md"} == set()


def test_every_setting_is_documented_once_for_each_program_and_every_documented_one_is_read() -> None:
    assert settings_that_the_code_reads() == documented_settings()
    of_cloud = [row[0] for name, text in DOCUMENTS.items() if "cloud" in name for row in rows_of(text, "setting")]
    assert sorted(of_cloud) == sorted(set(of_cloud))


def test_every_setting_that_a_document_names_exists() -> None:
    known = settings_that_the_code_reads() | OF_THE_TESTS
    for name, text in DOCUMENTS.items():
        named = set(re.findall(r"LAMPI_[A-Z_]+[A-Z](?![A-Z_*])", text)) - known
        assert {each for each in named if not re.search(rf"{each}_?\*", text)} == set(), name


def test_every_option_beside_a_setting_exists() -> None:
    known = {*options_of(commands), *options_of(lampi_ui)}
    documented = {option for row in settings_rows() for option in re.findall(r"--[a-z-]+", row[1])}
    assert documented
    assert documented - known == set()


def test_every_command_is_documented_and_every_documented_one_exists() -> None:
    blocks = "\n".join(code_blocks(text) for text in DOCUMENTS.values())
    named = set(re.findall(r"\blampi-cloud (?:--?\S+ )*([a-z][a-z-]*)(?: ([a-z][a-z-]*)\b)?", blocks))
    groups = {name.split()[0] for name in command_names() if " " in name}
    documented = {f"{first} {second}".strip() if first in groups else first for first, second in named} - groups
    assert documented == command_names()


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {name for text in DOCUMENTS.values() for name in re.findall(r"(?:`|^)make ([a-z-]+)", text, re.MULTILINE)}
    assert named - targets == set()


@pytest.mark.parametrize("message", quoted_messages())
def test_a_message_that_is_quoted_is_one_that_the_programs_have(message: str) -> None:
    said = what_the_programs_say()
    assert fixed_parts(message)
    assert [part for part in fixed_parts(message) if part not in said] == []


def test_every_module_that_the_architecture_names_exists() -> None:
    text = DOCUMENTS["ARCHITECTURE.md"]
    for row in rows_of(text, "layer"):
        for name in re.findall(r"`([^`]+)`", row[0]):
            assert any((ROOT / package / name).exists() for package in PACKAGES), name
    here = {path.name for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    here |= {path.name for path in (ROOT / "tests").rglob("*.py")}
    assert {Path(name).name for name in re.findall(r"`([\w/]+\.py)`", text)} - here == set()


def test_the_checks_find_what_they_look_for() -> None:
    assert old_words_in("It is\ntold to Somebody: `is told`.") == ["Somebody", "is told"]
    assert broken_links("README.md", "[a](ARCHITECTURE.md#no-such) [b](no.md) [c](../x.md) [d](#try-it)") == [
        "ARCHITECTURE.md#no-such",
        "no.md",
        "../x.md",
    ]
    assert anchors_of("## What the broker's `x` must accept, now\n```\n# none\n```\n") == {
        "what-the-brokers-x-must-accept-now"
    }
    assert old_words_in("It runs. Who prefers systemd, or a person who scans") == ["Who prefers"]
    assert fixed_parts("The broker at ... ended (why)") == ["The broker at", "ended"]
