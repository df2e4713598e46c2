"""Runs the tests that depend on Mosquitto against Debian 12's, Debian 13's and testing's, unpacked beside each other.

    python -m tests.support.mosquittos [--only SUITE] [PYTEST'S ARGUMENTS...]

Each is Debian's own package with all that it depends on, down to the C library, unpacked below `.brokers/` and started
with that library: nothing is installed, and it runs as any user on any Debian. Only apt and dpkg are needed. What a
suite has at the moment is taken, since testing moves on; the version is printed. Remove `.brokers/` to take newer ones.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import click

from cloud.ops.deploy.package_files import PROJECT

FOLDER = PROJECT / ".brokers"
SUITES = {"bookworm": "2.0.11", "trixie": "2.0.21", "testing": "2.1"}
"""Debian's suites, oldest first, and the version of Mosquitto that each is there for."""

MIRROR = os.environ.get("LAMPI_DEBIAN_MIRROR", "http://deb.debian.org")
TESTS = ("-n", "3", "tests/security", "tests/integration/test_bridge.py")

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_VERSION = re.compile(r"mosquitto version (\S+)")
# On top of the machine's own settings, which may name a proxy.
_APT = """\
Dir::State "{folder}";
Dir::State::status "{folder}/status";
Dir::Cache "{folder}";
Dir::Etc::sourcelist "{folder}/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
Dir::Log "{folder}";
APT::Sandbox::User "root";
APT::Install-Recommends "false";
pkgCacheGen::ForceEssential "none";
"""
_SOURCES = "deb [signed-by={keyring}] {mirror}/debian {suite} main\n"
_SECURITY = "deb [signed-by={keyring}] {mirror}/debian-security {suite}-security main\n"
_WRAPPER = """\
#!/bin/sh
exec "{loader}" --inhibit-cache --library-path "{libraries}" "{program}" "$@"
"""


class Unavailable(Exception):
    """A Mosquitto can't be had; the text says why."""


def unpacked(suite: str, folder: Path = FOLDER) -> Path:
    """Return the program of a suite's Mosquitto, downloaded and unpacked unless it is there.

    Raises:
        Unavailable: as it says.
    """
    place = folder / suite
    program = place / "mosquitto"
    if not program.exists():
        shutil.rmtree(place, ignore_errors=True)
        _download(suite, place)
        _unpack(place)
        _write_wrapper(program, place / "root")
    return program


def version(program: Path) -> str:
    """Return what a Mosquitto says its version is.

    Raises:
        Unavailable: it does not start.
    """
    said = subprocess.run([program, "-h"], capture_output=True, text=True, check=False)
    found = _VERSION.search(said.stdout)
    if found is None:
        raise Unavailable(f"{program} does not start: {said.stderr.strip()}")
    return found[1]


def _download(suite: str, place: Path) -> None:
    if not _KEYRING.exists():
        raise Unavailable(f"There is no {_KEYRING}; the package debian-archive-keyring brings it.")
    for name in ("lists/partial", "archives/partial"):
        (place / name).mkdir(parents=True)
    (place / "status").touch()
    names = {"keyring": _KEYRING, "mirror": MIRROR, "suite": suite}
    security = _SECURITY.format(**names)
    (place / "sources.list").write_text(_SOURCES.format(**names) + security)
    (place / "apt.conf").write_text(_APT.format(folder=place))
    _run(place, "apt-get", "update", "-qq")
    _run(place, "apt-get", "install", "-qq", "--yes", "--download-only", "mosquitto")


def _unpack(place: Path) -> None:
    root = place / "root"
    for package in sorted((place / "archives").glob("*.deb")):
        _run(place, "dpkg-deb", "--extract", package, root)
    # Packages may leave a library's shorter name to ldconfig, which runs where they are installed.
    for folder in _library_folders(root):
        _run(place, "/sbin/ldconfig", "-n", folder)
    for leftover in (place / "archives", place / "lists"):
        shutil.rmtree(leftover)
    for cache in place.glob("*pkgcache.bin"):
        cache.unlink()


def _write_wrapper(program: Path, root: Path) -> None:
    loaders = [path for folder in _library_folders(root) for path in folder.glob("ld-linux*.so.*")]
    if not loaders:
        raise Unavailable(f"There is no loader in {root}.")
    libraries = ":".join(map(str, _library_folders(root)))
    text = _WRAPPER.format(loader=loaders[0], libraries=libraries, program=root / "usr" / "sbin" / "mosquitto")
    partial = program.with_suffix(".new")
    partial.write_text(text)
    partial.chmod(0o755)
    partial.replace(program)


def _library_folders(root: Path) -> list[Path]:
    found = [*root.glob("lib/*-linux-gnu*"), *root.glob("usr/lib/*-linux-gnu*")]
    return [*found, *(folder / "systemd" for folder in found if (folder / "systemd").is_dir())]


def _run(place: Path, *command: str | Path) -> None:
    environment = os.environ | {"APT_CONFIG": str(place / "apt.conf"), "LC_ALL": "C.UTF-8"}
    try:
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    except OSError as fault:
        raise Unavailable(f"{command[0]} can't be run: {fault.strerror}.") from None
    if done.returncode != 0:
        raise Unavailable(f"{' '.join(map(str, command))} fails:\n{done.stderr.strip()}")


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--only", type=click.Choice(list(SUITES)), multiple=True, help="Only this suite's Mosquitto.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def main(only: tuple[str, ...], arguments: tuple[str, ...]) -> None:
    """Run tests against each Mosquitto; ARGUMENTS are pytest's, in place of the security and bridge suites."""
    failed = []
    for suite in only or SUITES:
        try:
            program = unpacked(suite)
            found = version(program)
        except Unavailable as fault:
            raise click.ClickException(str(fault)) from None
        if not found.startswith(SUITES[suite]):
            click.echo(f"Note: {suite} has moved on from Mosquitto {SUITES[suite]}.")
        click.secho(f"Mosquitto {found} (Debian {suite})", bold=True)
        command = [sys.executable, "-m", "pytest", *(arguments or TESTS)]
        done = subprocess.run(
            command, cwd=PROJECT, env=os.environ | {"LAMPI_TEST_MOSQUITTO": str(program)}, check=False
        )
        if done.returncode != 0:
            failed.append(found)
    if failed:
        raise click.ClickException(f"Tests failed against Mosquitto {', '.join(failed)}.")


if __name__ == "__main__":
    main()
