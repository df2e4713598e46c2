"""New files, whole or not at all."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from cloud.errors import UnusableBackup


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """Give a place to write to, which becomes the new file once the block has ended well; mode 0600.

    Raises:
        UnusableBackup: there is such a file, also one that came meanwhile, or it can't be made.
    """
    if file.exists():
        raise UnusableBackup(f"There is a {file} already; give another name.")
    with place_beside(file) as place:
        yield place
        sync(place)
        try:
            os.link(place, file)  # a rename would take the place of a file that came meanwhile
        except FileExistsError:
            raise UnusableBackup(f"There is a {file} by now; give another name.") from None
        except OSError as fault:
            raise _not_written(file, fault) from None
    sync(file.parent)


@contextmanager
def place_beside(file: Path) -> Iterator[Path]:
    """Give an empty file in the same folder, mode 0600; it is removed at the end unless it was moved away.

    Raises:
        UnusableBackup: it can't be made.
    """
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    except OSError as fault:
        raise _not_written(file, fault) from None
    os.close(handle)
    place = Path(name)
    try:
        yield place
    finally:
        place.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Have a file, or a folder's list of names, outlive a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def kind_of(file: Path, headers: Mapping[str, bytes]) -> str:
    """Return which kind of backup a file is, by how it begins.

    Raises:
        UnusableBackup: it is none, or can't be read.
    """
    try:
        with file.open("rb") as opened:
            beginning = opened.read(max(map(len, headers.values())))
    except OSError as fault:
        raise UnusableBackup(f"{file} can't be read: {fault.strerror}.") from None
    for kind, header in headers.items():
        if beginning.startswith(header):
            return kind
    raise UnusableBackup(f"{file} is no backup.")


def _not_written(file: Path, fault: OSError) -> UnusableBackup:
    return UnusableBackup(f"{file} can't be written: {fault.strerror}.")
