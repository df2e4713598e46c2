"""Installing files: missing ones are created, and those that were changed by hand are kept."""

import errno
import grp
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.files import make_folder
from shared.install.installation import CantInstall, Installation
from shared.install.rows import Accounts, File, Folder, Owner, Program, Row, SystemUser
from tests.support.accounts import this_user

RECORD = Path("/etc/lampi/installed.sha256")
CONF = Path("/etc/lampi/lampi.conf")
US = Owner(this_user(), grp.getgrgid(os.getgid()).gr_name)

Install = Callable[..., list[str]]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Give a way to lay out rows under a prefix; it returns what was said."""

    def lay_out(*rows: Row, dry_run: bool = False) -> list[str]:
        said: list[str] = []
        Installation(RECORD, tmp_path / "root", dry_run=dry_run, say=said.append).install(rows)
        return said

    return lay_out


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    return tmp_path / "root" / CONF.relative_to("/")


@pytest.fixture
def owners(monkeypatch: pytest.MonkeyPatch) -> dict[Path, str]:
    """Only root can give files away: note which owner each place gets, in order."""
    given: dict[Path, str] = {}

    def note(place: Path, user: str, group: str) -> None:
        given[place] = f"{user}:{group}"

    monkeypatch.setattr("shared.install.installation.shutil.chown", note)
    return given


def tree(folder: Path) -> dict[str, tuple[int, bytes, int]]:
    """Return all that is below a folder: mode, content, and when it was changed."""
    return {
        str(path): (path.stat().st_mode, b"" if path.is_dir() else path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
    }


def file(content: bytes, mode: int = 0o640) -> File:
    return File(CONF, content, mode, US)


def test_what_is_missing_is_made_with_its_mode_whatever_the_umask(install: Install, conf: Path) -> None:
    before = os.umask(0o077)
    try:
        said = install(Folder(CONF.parent, 0o750, US), file(b"one"), Folder(Path("/var/a"), 0o755, US))
    finally:
        os.umask(before)
    assert [line.split()[0] for line in said] == ["make", "write", "make"]
    assert f"{CONF}  {US} 0640" in said[1]
    assert (conf.read_bytes(), conf.stat().st_mode & 0o7777) == (b"one", 0o640)
    assert conf.parent.stat().st_mode & 0o7777 == 0o750
    assert [path.name for path in conf.parent.iterdir() if path.name.startswith(".")] == []


def test_a_dry_run_says_the_same_and_changes_nothing(install: Install, tmp_path: Path) -> None:
    rows = (Folder(CONF.parent, 0o750, US), file(b"one"))
    said = install(*rows, dry_run=True)
    assert tree(tmp_path) == {}
    assert install(*rows) == said


def test_a_second_time_changes_nothing(install: Install, tmp_path: Path) -> None:
    rows = (Folder(CONF.parent, 0o750, US), file(b"one"))
    install(*rows)
    before = tree(tmp_path)
    assert [line.split()[0] for line in install(*rows)] == ["same", "same"]
    assert tree(tmp_path) == before


def test_unchanged_files_are_updated(install: Install, conf: Path) -> None:
    install(file(b"one"))
    said = install(file(b"two"))
    assert said == [f"update {CONF}: unchanged since its installation"]
    assert conf.read_bytes() == b"two"
    assert not conf.with_name("lampi.conf.dpkg-dist").exists()


def test_what_was_changed_by_hand_stays_and_a_newer_one_is_put_beside_it(install: Install, conf: Path) -> None:
    install(file(b"one"))
    conf.write_bytes(b"mine")
    assert install(file(b"one")) == [f"keep   {CONF}: changed by hand"]
    assert not conf.with_name("lampi.conf.dpkg-dist").exists()
    (said,) = install(file(b"two"))
    assert said.endswith("the new version is beside it as lampi.conf.dpkg-dist")
    assert conf.read_bytes() == b"mine"
    assert conf.with_name("lampi.conf.dpkg-dist").read_bytes() == b"two"
    assert install(file(b"two")) == [f"keep   {CONF}: changed by hand"]


def test_what_was_there_before_us_stays(install: Install, conf: Path) -> None:
    conf.parent.mkdir(parents=True)
    conf.write_bytes(b"theirs")
    (said,) = install(file(b"one"))
    assert said.startswith("keep")
    assert conf.read_bytes() == b"theirs"


@pytest.mark.parametrize("target", ["elsewhere", "nowhere"])
def test_a_link_stays_wherever_it_leads(install: Install, conf: Path, target: str) -> None:
    conf.parent.mkdir(parents=True)
    (conf.parent / "elsewhere").write_bytes(b"one")
    conf.symlink_to(target)
    (said,) = install(file(b"one"))
    assert said.startswith("keep")
    assert conf.is_symlink()


def test_a_changed_mode_is_kept_and_reported(install: Install, conf: Path) -> None:
    install(Folder(CONF.parent, 0o750, US), file(b"one"))
    conf.chmod(0o600)
    conf.parent.chmod(0o700)
    assert install(Folder(CONF.parent, 0o750, US), file(b"one")) == [
        f"same   {CONF.parent}; its mode stays 0700, the shipped one is 0750",
        f"same   {CONF}; its mode stays 0600, the shipped one is 0640",
    ]
    install(file(b"two"))
    assert conf.stat().st_mode & 0o7777 == 0o600


def test_the_record_is_one_that_sha256sum_can_check(install: Install, conf: Path) -> None:
    install(file(b"one"))
    record = (conf.parent / RECORD.name).read_text()
    assert record == f"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed  {CONF}\n"


def test_files_that_were_written_before_an_error_are_ours(install: Install, conf: Path, tmp_path: Path) -> None:
    """Else the next release would call its own file changed by hand."""
    (tmp_path / "root" / "srv").mkdir(parents=True)
    (tmp_path / "root" / "srv" / "file").write_text("no folder")
    with pytest.raises(CantInstall):
        install(file(b"one"), File(Path("/srv/file/x"), b"x", 0o600, US))
    assert install(file(b"two")) == [f"update {CONF}: unchanged since its installation"]
    assert conf.read_bytes() == b"two"


def test_users_are_not_added_under_a_prefix(install: Install) -> None:
    assert install(SystemUser("lampi-nobody", Path("/var/a"))) == ["add    user lampi-nobody, group lampi-nobody"]
    assert install(SystemUser(this_user(), Path("/var/a"))) == [f"same   user {this_user()}"]


def test_on_the_machine_itself_owners_are_set_before_a_file_has_its_name(
    tmp_path: Path, owners: dict[Path, str]
) -> None:
    installation = Installation(tmp_path / "record", None, dry_run=False, say=lambda _line: None)
    installation.install([File(tmp_path / "ours", b"x", 0o600, US)])
    assert list(owners.values()) == [str(US), "root:root"]
    assert not any(place.exists() for place in owners)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ours", "record"]


def test_a_file_that_decides_who_is_root_is_secured_also_when_it_was_there(
    tmp_path: Path, owners: dict[Path, str]
) -> None:
    place = tmp_path / "ours"
    place.write_text("by hand")
    place.chmod(0o666)
    said: list[str] = []
    row = File(place, b"x", 0o640, US, secured=True)
    for dry_run in (True, False, False):
        Installation(tmp_path / "record", None, dry_run=dry_run, say=said.append).install([row])
    assert [line for line in said if line.startswith("secure")] == [f"secure {place}  {US} 0640"] * 2
    assert (place.read_text(), place.stat().st_mode & 0o7777) == ("by hand", 0o640)
    assert owners[place] == str(US)


@pytest.mark.parametrize(
    ("row", "missing"),
    [
        (File(Path("/dev/null/x"), b"", 0o600, Owner("no-user", US.group)), "no user no-user"),
        (Folder(Path("/dev/null/x"), 0o755, Owner(US.user, "no-group")), "no group no-group"),
        (Accounts("no-user", ("no-group", US.group)), "no user no-user, no group no-group"),
        (Program(Path("/bin/true"), "no-user"), "no user no-user"),
    ],
)
@pytest.mark.parametrize("dry_run", [True, False])
def test_where_an_account_is_missing_nothing_is_written(tmp_path: Path, row: Row, missing: str, dry_run: bool) -> None:
    ours = File(tmp_path / "ours", b"x", 0o600, US)
    with pytest.raises(CantInstall, match=f"^This machine has {missing}\\. .*Nothing was changed\\.$"):
        Installation(tmp_path / "record", None, dry_run=dry_run, say=lambda _line: None).install([ours, row])
    assert list(tmp_path.iterdir()) == []


def test_a_tree_for_a_different_machine_may_name_accounts_that_this_one_lacks(install: Install, conf: Path) -> None:
    theirs = Owner("no-user", "no-group")
    install(Accounts("no-user", ("no-group",)), Program(Path("/none"), "no-user"), File(CONF, b"x", 0o600, theirs))
    assert conf.read_bytes() == b"x"


def test_the_root_folder_as_a_prefix_is_this_machine() -> None:
    assert Installation(RECORD, Path("/"), dry_run=True, say=lambda _line: None).is_here


@pytest.mark.usefixtures("owners")
def test_a_program_that_its_user_can_not_run_is_refused_before_what_follows(tmp_path: Path) -> None:
    program = tmp_path / "env" / "bin" / "program"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\nexit 0\n")
    rows: list[Row] = [Program(program, US.user), File(tmp_path / "ours", b"x", 0o600, US)]
    said: list[str] = []
    installation = Installation(tmp_path / "record", None, dry_run=False, say=said.append)
    with pytest.raises(CantInstall, match=f"Permission denied.*chmod -R go\\+rX {tmp_path / 'env'};"):
        installation.install(rows)
    assert not (tmp_path / "ours").exists()
    program.chmod(0o755)
    installation.install(rows)
    assert said[-2:] == [f"check  user {US.user} can run {program}", f"write  {tmp_path / 'ours'}  {US} 0600"]


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_folders_above_are_readable_by_all_and_writable_by_their_owner_whatever_the_umask(
    install: Install, conf: Path, umask: int
) -> None:
    before = os.umask(umask)
    try:
        install(File(Path("/a/b/c"), b"", 0o644, US), Folder(Path("/d/e/f"), 0o700, US))
    finally:
        os.umask(before)
    root = conf.parents[2]
    modes = {str(path.relative_to(root)): path.stat().st_mode & 0o777 for path in root.rglob("*") if path.is_dir()}
    assert modes == {
        "a": 0o755,
        "a/b": 0o755,
        "d": 0o755,
        "d/e": 0o755,
        "d/e/f": 0o700,
        "etc": 0o755,
        "etc/lampi": 0o755,
    }


def test_a_folder_is_at_no_moment_writable_by_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []
    monkeypatch.setattr(Path, "chmod", lambda folder, _mode: made.append(folder.stat().st_mode & 0o777))
    before = os.umask(0)
    try:
        make_folder(tmp_path / "a" / "b")
    finally:
        os.umask(before)
    assert made == [0o755, 0o755]


def test_an_unwritable_path_is_reported(install: Install, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "etc").write_text("a file where a folder must be")
    with pytest.raises(CantInstall, match="Not a directory"):
        install(file(b"one"))


def test_missing_write_access_is_reported_with_advice(install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(folder: Path, *_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", str(folder))

    monkeypatch.setattr(Path, "mkdir", refuse)  # root may write everywhere
    with pytest.raises(CantInstall, match="run this as root, or give --prefix"):
        install(file(b"one"))
