"""The PEP 517 build backend: setuptools, in a temporary folder of links to the sources.

In the checkout itself setuptools would leave `build/` and `*.egg-info`: owned by root after `sudo pip install .`, and
with modules that a later release has removed, which the next build would install again.
"""

import contextlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from setuptools import build_meta

_ROOT = Path(__file__).resolve().parent
_SOURCES = ("MANIFEST.in", "README.md", "build_backend.py", "cloud", "lamp_ui", "pyproject.toml", "setup.cfg", "shared")

Settings = dict[str, str | list[str]] | None

# Importing this module has just cached its bytecode in the checkout.
if __spec__ is not None and __spec__.cached is not None:
    with contextlib.suppress(OSError):
        Path(__spec__.cached).unlink()
        Path(__spec__.cached).parent.rmdir()  # refused unless empty


def get_requires_for_build_wheel(config_settings: Settings = None) -> list[str]:
    """Return the additional requirements for building a wheel."""
    with _links():
        return list(build_meta.get_requires_for_build_wheel(config_settings))


def get_requires_for_build_editable(config_settings: Settings = None) -> list[str]:
    """Return the additional requirements for building an editable wheel."""
    with _links():
        return list(build_meta.get_requires_for_build_editable(config_settings))


def get_requires_for_build_sdist(config_settings: Settings = None) -> list[str]:
    """Return the additional requirements for building a source distribution."""
    with _links():
        return list(build_meta.get_requires_for_build_sdist(config_settings))


def prepare_metadata_for_build_wheel(metadata_directory: str, config_settings: Settings = None) -> str:
    """Write a wheel's metadata into a folder; return its name there."""
    folder = os.path.abspath(metadata_directory)
    with _links():
        return str(build_meta.prepare_metadata_for_build_wheel(folder, config_settings))


def prepare_metadata_for_build_editable(metadata_directory: str, config_settings: Settings = None) -> str:
    """Write an editable wheel's metadata into a folder; return its name there."""
    folder = os.path.abspath(metadata_directory)
    with _links():
        return str(build_meta.prepare_metadata_for_build_editable(folder, config_settings))


def build_wheel(wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None) -> str:
    """Build a wheel into a folder; return its name there."""
    folder, metadata = os.path.abspath(wheel_directory), metadata_directory and os.path.abspath(metadata_directory)
    with _links():
        return str(build_meta.build_wheel(folder, config_settings, metadata))


def build_editable(
    wheel_directory: str, config_settings: Settings = None, metadata_directory: str | None = None
) -> str:
    """Build a wheel that refers to the checkout, where setuptools resolves the links; return its name in the folder."""
    folder, metadata = os.path.abspath(wheel_directory), metadata_directory and os.path.abspath(metadata_directory)
    with _links(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # setuptools warns about each editable installation
        return str(build_meta.build_editable(folder, config_settings, metadata))


def build_sdist(sdist_directory: str, config_settings: Settings = None) -> str:
    """Build a source distribution into a folder; return its name there."""
    folder = os.path.abspath(sdist_directory)
    with _links():
        return str(build_meta.build_sdist(folder, config_settings))


@contextlib.contextmanager
def _links() -> Iterator[None]:
    """Work in a temporary folder of links to the sources."""
    with tempfile.TemporaryDirectory(prefix="lampi-build-") as folder:
        for name in _SOURCES:
            Path(folder, name).symlink_to(_ROOT / name)
        with contextlib.chdir(folder):
            yield
