"""Files that are there whole or not at all, with the mode that they need from their first moment on."""

import contextlib
import fcntl
import os
import pwd
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cloud.provisioning.errors import CantWrite
from shared import folders

SECRET = 0o600
"""Its owner's alone: private keys."""

OPEN = 0o644


@dataclass(frozen=True)
class Content:
    """What a file is to hold, and who may read it."""

    data: bytes
    mode: int = OPEN


def write_file(path: Path, content: Content, group: str | None = None, owner: str | None = None) -> None:
    """Write a file at once, in place of an older one; an older one's mode is kept, and under root its owner.

    Under root, a new file belongs to ``group``, if the system has one of that name; a secret one can then be read by
    that group, too. With ``owner`` it belongs to that user, if the system has it, and to that user's group.

    Raises:
        CantWrite: the text says which file and why.
    """
    before = None
    with contextlib.suppress(FileNotFoundError):
        before = path.stat()
    partial = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        _write(partial, content)
        if before is not None:
            if os.geteuid() == 0:
                os.chown(partial, before.st_uid, before.st_gid)
            partial.chmod(before.st_mode & 0o777)
        elif os.geteuid() == 0 and group is not None:
            with contextlib.suppress(LookupError):
                shutil.chown(partial, group=group)
                partial.chmod(content.mode | 0o040)
        elif owner is not None:
            _give(partial, owner)
        partial.replace(path)
        _settle(path.parent)
    except OSError as fault:
        partial.unlink(missing_ok=True)
        raise CantWrite(f"{path} can't be written: {fault.strerror}.") from None


def is_exposed(path: Path, owner: str) -> bool:
    """Tell whether `restrict` would change a file."""
    found, user = path.stat(), _known(owner)
    has_other_owner = user is not None and (found.st_uid, found.st_gid) != (user.pw_uid, user.pw_gid)
    return bool(found.st_mode & 0o007) or has_other_owner


def restrict(path: Path, owner: str) -> None:
    """Take a file away from everyone but its owner and group; under root, give it to ``owner``, if there is one.

    Raises:
        CantWrite: it is not ours to change.
    """
    if not is_exposed(path, owner):
        return
    try:
        _give(path, owner)
        path.chmod(path.stat().st_mode & 0o770)
    except OSError as fault:
        raise CantWrite(f"{path} can't be given to {owner}: {fault.strerror}.") from None


def make_folder(folder: Path) -> None:
    """Make a folder that everybody may look into, whatever the umask says; one that is there stays as it is.

    Raises:
        CantWrite: it can't be made.
    """
    try:
        folders.make_folder(folder)
    except OSError as fault:
        raise CantWrite(f"{folder} can't be made: {fault.strerror}.") from None


def write_folder(folder: Path, contents: Mapping[str, Content]) -> None:
    """Write a folder of files, by their paths within it, all at once; it replaces an older one.

    It is its owner's alone; within it the modes are those that the files need where they are copied to.

    Only one process at a time may do so for the folders beside it, as with `locked`: what an earlier one left half
    done there is removed.

    Raises:
        CantWrite: the text says which folder and why.
    """
    folder = folder.resolve()  # "." has no name, and a link's target is what is replaced
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        for leftover in folder.parent.glob(f".{folder.name}.*"):
            shutil.rmtree(leftover)
        partial = folder.with_name(f".{folder.name}.new")
        partial.mkdir(mode=0o700)
        for name, content in contents.items():
            folders.make_folder((partial / name).parent)
            _write(partial / name, content)
        if folder.exists():
            old = folder.with_name(f".{folder.name}.old")
            folder.rename(old)
            partial.rename(folder)
            shutil.rmtree(old)
        else:
            partial.rename(folder)
        _settle(folder.parent)
    except OSError as fault:
        raise CantWrite(f"{folder} can't be written: {fault.strerror}.") from None


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that only one process at a time has; wait for it.

    Raises:
        CantWrite: the file can't be opened.
    """
    try:
        file = path.open("a")
    except OSError as fault:
        raise CantWrite(f"{path} can't be opened: {fault.strerror}.") from None
    with file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _give(path: Path, owner: str) -> None:
    user = _known(owner)
    if user is not None:
        os.chown(path, user.pw_uid, user.pw_gid)


def _known(owner: str) -> pwd.struct_passwd | None:
    """Return the user to whom we can give files: none unless we are root and the system has one of that name."""
    try:
        return pwd.getpwnam(owner) if os.geteuid() == 0 else None
    except KeyError:
        return None


def _write(path: Path, content: Content) -> None:
    # The mode comes with the creation: a key must not be readable for one moment.
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, content.mode), "wb") as file:
        os.fchmod(file.fileno(), content.mode)  # what the umask took away: the broker is another user than we
        file.write(content.data)
        file.flush()
        os.fsync(file.fileno())


def _settle(folder: Path) -> None:
    """Have a renaming survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
