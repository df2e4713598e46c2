"""Atomic file writes; files have the right mode from their creation."""

import contextlib
import fcntl
import os
import pwd
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud.ops.provisioning.errors import CantWrite
from shared import files

SECRET = 0o600
"""Readable by the owner only: private keys."""

OPEN = 0o644


@dataclass(frozen=True)
class Content:
    """A file's content and mode."""

    data: bytes
    mode: int = OPEN


def write_file(path: Path, content: Content, group: str | None = None, owner: str | None = None) -> None:
    """Write a file atomically, replacing an existing one; its mode is kept, and as root its owner.

    As root, a new file belongs to ``group`` if that group exists, which can then read even a secret file. With
    ``owner``, it belongs to that user and the user's group, if that user exists.

    Raises:
        CantWrite: the text names the file and the reason.
    """
    before = None
    with contextlib.suppress(FileNotFoundError):
        before = path.stat()
    try:
        with files.replacing(path) as partial:
            partial.write_bytes(content.data)
            if before is not None:
                if os.geteuid() == 0:
                    os.chown(partial, before.st_uid, before.st_gid)
                partial.chmod(before.st_mode & 0o777)
            else:
                partial.chmod(content.mode)
                if os.geteuid() == 0 and group is not None:
                    with contextlib.suppress(LookupError):
                        shutil.chown(partial, group=group)
                        partial.chmod(content.mode | 0o040)
                elif owner is not None:
                    _give(partial, owner)
    except OSError as fault:
        raise CantWrite(f"Can't write {path}: {fault.strerror}.") from None


def is_exposed(path: Path, owner: str) -> bool:
    """Return whether `restrict` would change a file."""
    found, user = path.stat(), _known(owner)
    has_other_owner = user is not None and (found.st_uid, found.st_gid) != (user.pw_uid, user.pw_gid)
    return bool(found.st_mode & 0o007) or has_other_owner


def restrict(path: Path, owner: str) -> None:
    """Remove others' permissions from a file; as root, give it to ``owner`` if that user exists.

    Raises:
        CantWrite: the file can't be changed.
    """
    if not is_exposed(path, owner):
        return
    try:
        _give(path, owner)
        path.chmod(path.stat().st_mode & 0o770)
    except OSError as fault:
        raise CantWrite(f"Can't give {path} to {owner}: {fault.strerror}.") from None


def make_folder(folder: Path) -> None:
    """Create a folder that everyone can list, whatever the umask; an existing one is unchanged.

    Raises:
        CantWrite: it can't be created.
    """
    try:
        files.make_folder(folder)
    except OSError as fault:
        raise CantWrite(f"Can't create {folder}: {fault.strerror}.") from None


def write_folder(folder: Path, contents: Mapping[str, Content]) -> None:
    """Write a folder of files, by relative path, atomically; it replaces an existing one.

    The folder is accessible to its owner only; the files in it have the modes that they need at their destination.

    The caller must hold a lock on the parent folder, as with `locked`: leftovers of interrupted calls are removed.

    Raises:
        CantWrite: the text names the folder and the reason.
    """
    folder = folder.resolve()  # "." has no name
    partial, old = (folder.with_name(f".{folder.name}.{suffix}") for suffix in ("new", "old"))
    try:
        files.make_folder(folder.parent)
        for leftover in (partial, old):
            if leftover.is_symlink():
                raise CantWrite(f"{leftover} is a symbolic link, which is not followed. Remove it.")
            if leftover.exists():
                shutil.rmtree(leftover)
        partial.mkdir(mode=0o700)
        for name, content in contents.items():
            files.make_folder((partial / name).parent)
            _write(partial / name, content)
        if folder.exists():
            folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old)
        else:
            partial.rename(folder)
        files.sync(folder.parent)
    except OSError as fault:
        raise CantWrite(f"Can't write {folder}: {fault.strerror or fault}.") from None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive file lock; blocks until it is free.

    Raises:
        CantWrite: the file can't be opened.
    """
    try:
        file = os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, SECRET), "wb")
    except OSError as fault:
        raise CantWrite(f"Can't open {path}: {fault.strerror}.") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _give(path: Path, owner: str) -> None:
    user = _known(owner)
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _known(owner: str) -> pwd.struct_passwd | None:
    """Return the user to give files to; None unless running as root and the user exists."""
    try:
        return pwd.getpwnam(owner) if os.geteuid() == 0 else None
    except KeyError:
        return None


def _write(path: Path, content: Content) -> None:
    # The mode is set at creation, so that a key is never readable, not even briefly.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, content.mode), "wb") as file:
        os.fchmod(file.fileno(), content.mode)  # undo the umask: the broker runs as another user
        file.write(content.data)
        file.flush()
        os.fsync(file.fileno())
