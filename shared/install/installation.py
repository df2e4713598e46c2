"""Installs files on a machine: creates missing ones and keeps those that were edited by hand.

As with Debian's configuration files, a file that is unchanged since its installation is updated. A new version of a
file that was changed by hand is written beside it as `.dpkg-dist`, which programs that read whole folders ignore.
"""

import grp
import hashlib
import os
import pwd
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

from shared.files import make_folder, replacing
from shared.install.accounts import missing_accounts, reason_against
from shared.install.rows import ROOT, Accounts, File, Folder, Owner, Program, Row, SystemUser, accounts_in

OFFERED = ".dpkg-dist"


class CantInstall(Exception):
    """A row can't be installed; the text is one line that says what to do."""


class Installation:
    """Installs rows on this machine, or under ``prefix`` to build a package or try the layout.

    ``record`` is the file that holds the checksums of installed files, in sha256sum's format. ``say`` is called with a
    line for each row. Owners are accounts of this machine, so under a prefix they are only printed.
    """

    def __init__(self, record: Path, prefix: Path | None, *, dry_run: bool, say: Callable[[str], object]) -> None:
        self._record = record
        self._prefix = None if prefix is not None and prefix.resolve() == Path("/") else prefix
        self._dry_run = dry_run
        self._say = say
        self._known = self._read_record()

    @property
    def is_here(self) -> bool:
        """True if rows are installed on this machine itself, False under a prefix."""
        return self._prefix is None

    def install(self, rows: Iterable[Row]) -> None:
        """Install each row; idempotent.

        Raises:
            CantInstall: an account is missing (nothing was changed), or a row can't be installed (earlier ones were).
        """
        rows = list(rows)
        if self.is_here:
            missing = missing_accounts(*accounts_in(rows))
            if missing:
                raise CantInstall(
                    f"This machine has no {', no '.join(missing)}. Install the package that provides it, or add it "
                    "with useradd or groupadd --system. Nothing was changed."
                )
        shipped = dict(self._known)
        try:
            for row in rows:
                self._install_row(row, shipped)
        finally:  # the next run must also recognize files that were written before an error
            if not self._dry_run and shipped != self._known:
                lines = "".join(f"{digest}  {path}\n" for path, digest in sorted(shipped.items()))
                self._write(self.place(self._record), lines.encode(), 0o644, ROOT)

    def _install_row(self, row: Row, shipped: dict[str, str]) -> None:
        """Install one row, and record a file's checksum in ``shipped``."""
        try:
            if isinstance(row, SystemUser):
                self._install_user(row)
            elif isinstance(row, Program):
                self._check_program(row)
            elif isinstance(row, Accounts):
                return  # checked already
            elif isinstance(row, Folder):
                self._install_folder(row)
            else:
                self._install_file(row)
                shipped[str(row.path)] = _sum(row.content)
        except PermissionError as fault:
            raise CantInstall(f"Can't write {fault.filename}: run this as root, or give --prefix.") from None
        except OSError as fault:
            raise CantInstall(f"Can't create {fault.filename}: {fault.strerror}.") from None
        except LookupError as fault:  # a user that exists without a group of the same name
            raise CantInstall(f"{fault}; add that group with groupadd --system.") from None

    def place(self, path: Path) -> Path:
        """Return an absolute path below the prefix."""
        return path if self._prefix is None else self._prefix / path.relative_to("/")

    def _install_user(self, row: SystemUser) -> None:
        try:
            pwd.getpwnam(row.name)
        except KeyError:
            self._say(f"add    user {row.name}, group {row.name}")
        else:
            self._say(f"same   user {row.name}")
            return
        if not self._dry_run and self._prefix is None:
            command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin"]
            done = subprocess.run(
                [*command, "--home-dir", str(row.home), row.name],
                capture_output=True,
                text=True,
                errors="backslashreplace",
                check=False,
            )
            if done.returncode != 0:
                raise CantInstall(f"Can't add the user {row.name}: {done.stderr.strip()}")

    def _check_program(self, row: Program) -> None:
        if self._prefix is not None:
            return
        self._say(f"check  user {row.user} can run {row.path}")
        if self._dry_run:
            return
        reason = reason_against(row.user, row.path)
        if reason is not None:
            raise CantInstall(
                f"The user {row.user} can't run {row.path}: {reason}. If it was installed with a strict umask, run: "
                f"chmod -R go+rX {row.path.parents[1]}; the user needs access to the folders above it, too."
            )

    def _install_folder(self, row: Folder) -> None:
        place = self.place(row.path)
        if place.is_dir():
            self._say_kept_mode(place, row)
            return
        self._say(f"make   {row.path}/  {row.owner} {row.mode:04o}")
        if not self._dry_run:
            make_folder(place.parent)
            place.mkdir(mode=row.mode & 0o700)  # private until it has its owner
            self._give(place, row.owner)
            place.chmod(row.mode)  # regardless of the umask

    def _install_file(self, row: File) -> None:
        place = self.place(row.path)
        if not os.path.lexists(place):
            self._say(f"write  {row.path}  {row.owner} {row.mode:04o}")
            self._write(place, row.content, row.mode, row.owner)
            return
        if row.secured and self.is_here:
            self._secure(place, row)
        current = None if place.is_symlink() else _sum(place.read_bytes())
        shipped, known = _sum(row.content), self._known.get(str(row.path))
        if current == shipped:
            self._say_kept_mode(place, row)
        elif current is not None and current == known:
            self._say(f"update {row.path}: unchanged since its installation")
            self._write(place, row.content, place.stat().st_mode & 0o7777, row.owner)
        elif shipped == known:
            self._say(f"keep   {row.path}: changed by hand")
        else:
            self._say(f"keep   {row.path}: changed by hand; the new version is beside it as {place.name}{OFFERED}")
            self._write(place.with_name(place.name + OFFERED), row.content, row.mode, row.owner)

    def _secure(self, place: Path, row: File) -> None:
        """Set a file's owner and mode, if they are others."""
        found = place.stat()
        wanted = pwd.getpwnam(row.owner.user).pw_uid, grp.getgrnam(row.owner.group).gr_gid
        if (found.st_uid, found.st_gid) != wanted or found.st_mode & 0o7777 != row.mode:
            self._say(f"secure {row.path}  {row.owner} {row.mode:04o}")
            if not self._dry_run:
                self._give(place, row.owner)
                place.chmod(row.mode)

    def _say_kept_mode(self, place: Path, row: Folder | File) -> None:
        mode = place.stat().st_mode & 0o7777
        differs = "" if mode == row.mode else f"; its mode stays {mode:04o}, the shipped one is {row.mode:04o}"
        self._say(f"same   {row.path}{differs}")

    def _write(self, place: Path, content: bytes, mode: int, owner: Owner) -> None:
        """Write a file atomically; it is readable only once its owner and mode are set."""
        if self._dry_run:
            return
        make_folder(place.parent)
        with replacing(place) as new:
            new.write_bytes(content)
            self._give(new, owner)
            new.chmod(mode)

    def _give(self, place: Path, owner: Owner) -> None:
        if self._prefix is None:
            shutil.chown(place, owner.user, owner.group)

    def _read_record(self) -> dict[str, str]:
        try:
            lines = self.place(self._record).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return {}
        except OSError as fault:
            raise CantInstall(f"Can't read {self._record}: {fault.strerror}.") from None
        return {path: digest for digest, _, path in (line.partition("  ") for line in lines) if path}


def _sum(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
