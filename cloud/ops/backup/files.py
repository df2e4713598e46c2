"""Atomic creation of backup files."""

import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from cloud.errors import UnusableBackup
from shared.files import link_or_move, sync, temporary_beside


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """Yield a temporary path that becomes the new file, with mode 0600, if the block succeeds.

    Raises:
        UnusableBackup: the file already exists, even if created meanwhile, or can't be written.
    """
    if os.path.lexists(file):  # also a link, wherever it leads
        raise UnusableBackup(f"{file} already exists; give another name.")
    with place_beside(file) as place:
        yield place
        sync(place)
        try:
            link_or_move(place, file)  # a rename would overwrite a file created meanwhile
        except FileExistsError:
            raise UnusableBackup(f"{file} was created meanwhile; give another name.") from None
        except OSError as fault:
            raise _not_written(file, fault) from None
    sync(file.parent)


@contextmanager
def place_beside(file: Path) -> Iterator[Path]:
    """Yield an empty temporary file of mode 0600 in the same folder; it is removed afterwards unless it was moved.

    Raises:
        UnusableBackup: it can't be created.
    """
    with ExitStack() as stack:
        try:
            place = stack.enter_context(temporary_beside(file))
        except OSError as fault:
            raise _not_written(file, fault) from None
        yield place


def kind_of(file: Path, headers: Mapping[str, bytes]) -> str:
    """Return the kind of a backup by its header.

    Raises:
        UnusableBackup: the file is not a backup or can't be read.
    """
    try:
        with open(file, "rb", opener=_open_at_once) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                raise UnusableBackup(f"{file} is not a regular file.")
            beginning = opened.read(max(map(len, headers.values())))
    except OSError as fault:
        raise UnusableBackup(f"Can't read {file}: {fault.strerror}.") from None
    for kind, header in headers.items():
        if beginning.startswith(header):
            return kind
    raise UnusableBackup(f"{file} is not a backup.")


def _open_at_once(path: str, flags: int) -> int:
    """Open a file; a named pipe doesn't wait for a writer."""
    return os.open(path, flags | os.O_NONBLOCK)


def _not_written(file: Path, fault: OSError) -> UnusableBackup:
    return UnusableBackup(f"Can't write {file}: {fault.strerror}.")
