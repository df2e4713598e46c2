"""Atomic creation of folders and files, with the right mode whatever the umask."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""Errors of file systems without hard links, such as vfat and some network mounts."""

_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EBADF, errno.ENOSYS}


def make_folder(folder: Path) -> None:
    """Create a folder that everyone can list, and its missing parents; an existing one is unchanged.

    Raises:
        OSError: it can't be created.
    """
    if folder.is_dir():
        return
    make_folder(folder.parent)
    try:
        folder.mkdir(mode=0o755)  # so that others can't write to it meanwhile
    except FileExistsError:
        if not folder.is_dir():  # otherwise another process has made it meanwhile
            raise
    else:
        folder.chmod(0o755)  # adds what the umask removed


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


def link_or_move(file: Path, new: Path) -> None:
    """Give a file a second, new name in the same folder; on file systems without hard links, rename it.

    Raises:
        FileExistsError: there is a file of that name.
        OSError: it can't be written.
    """
    try:
        os.link(file, new)
    except OSError as fault:
        if fault.errno not in _NO_LINKS:
            raise
        new.touch(mode=0o600, exist_ok=False)  # so that the move below overwrites nothing
        file.replace(new)


def sync(path: Path) -> None:
    """Flush a file to disk, or a folder if its file system supports that."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as fault:
        if fault.errno not in _NO_SYNC or not path.is_dir():
            raise
    finally:
        os.close(handle)
