"""The rows that `shared.install.installation` installs on a machine: accounts, programs, folders and files."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A user and a group, by their names."""

    user: str = "root"
    group: str = "root"

    def __str__(self) -> str:
        return f"{self.user}:{self.group}"


ROOT = Owner()


@dataclass(frozen=True)
class SystemUser:
    """A system user, with a group of the same name, that runs a program and can't sign in."""

    name: str
    home: Path


@dataclass(frozen=True)
class Accounts:
    """A user and groups that a service runs with, created by the distribution or the administrator."""

    user: str
    groups: tuple[str, ...] = ()


@dataclass(frozen=True)
class Program:
    """A program that a user must be able to run."""

    path: Path
    user: str


@dataclass(frozen=True)
class Folder:
    """A folder, by its absolute path."""

    path: Path
    mode: int = 0o755
    owner: Owner = ROOT


@dataclass(frozen=True)
class File:
    """A file, by its absolute path, and its content.

    With ``secured``, owner and mode are also set on a file that is there already: the content may be the
    administrator's, but not who can change it.
    """

    path: Path
    content: bytes
    mode: int = 0o644
    owner: Owner = ROOT
    secured: bool = False


Row = SystemUser | Accounts | Program | Folder | File


def accounts_in(rows: Iterable[Row]) -> tuple[set[str], set[str]]:
    """Return the users and groups that the rows require and none of them adds."""
    users, groups, added = {ROOT.user}, {ROOT.group}, set()
    for row in rows:
        if isinstance(row, SystemUser):
            added.add(row.name)
        elif isinstance(row, Accounts):
            users.add(row.user)
            groups.update(row.groups)
        elif isinstance(row, Program):
            users.add(row.user)
        else:
            users.add(row.owner.user)
            groups.add(row.owner.group)
    return users - added, groups - added
