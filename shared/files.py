"""Folders and files that are complete or absent, with the right mode, whatever happens and whatever the umask."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def make_folder(folder: Path) -> None:
    """Create a folder that everyone can list, and missing ones above it; an existing one is unchanged.

    Raises:
        OSError: it can't be created.
    """
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)


@contextmanager
def temporary_beside(file: Path) -> Iterator[Path]:
    """Yield an empty temporary file of mode 0600 in the same folder; it is removed afterwards unless it was moved.

    Raises:
        OSError: it can't be created.
    """
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def replacing(file: Path) -> Iterator[Path]:
    """Yield a temporary path of mode 0600 that becomes the file, atomically and durably, if the block succeeds.

    Raises:
        OSError: it can't be created, flushed or moved.
    """
    with temporary_beside(file) as temporary:
        yield temporary
        sync(temporary)
        temporary.replace(file)
    sync(file.parent)


def sync(path: Path) -> None:
    """Flush a file or a folder to disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
