"""Lamps' folders: complete or absent, kept while valid, written by one process or by many."""

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from cloud.ops.provisioning.authorities import Authorities
from cloud.ops.provisioning.errors import BadName, CantWrite
from cloud.ops.provisioning.files import Content, write_file
from cloud.ops.provisioning.provision import Order, Outcome, provision, read_address
from cloud.ops.provisioning.rules import with_shut_out
from tests.cloud.ops.provisioning.conftest import ADDRESS, LAMP, NOW, OTHER
from tests.support.waiting import wait_until

YEAR = timedelta(days=365)
CERTIFICATE = Path("etc/mosquitto/lampi/lamp.crt")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "lamps"


def _provision(
    authorities: Authorities,
    out: Path,
    *device_ids: str,
    now: datetime = NOW,
    address: str = ADDRESS,
    renew: bool = False,
    stock: bool = False,
) -> list[Outcome]:
    return list(provision(authorities, device_ids, Order(out, address, renew, stock), now))


def _serial(folder: Path) -> int:
    return x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes()).serial_number


def _assert_whole(authorities: Authorities, folders: Sequence[Path]) -> None:
    for folder in folders:
        key = (folder / CERTIFICATE).with_name("lamp.key").read_bytes()
        certificate = x509.load_pem_x509_certificate((folder / CERTIFICATE).read_bytes())
        assert b"PRIVATE KEY" in key
        assert authorities.is_good("lamps", certificate.serial_number, NOW)
        assert (folder / "README.txt").read_text()


@pytest.mark.parametrize("renew", [False, True])
@pytest.mark.parametrize("existing", ["only-a-note.txt", "etc/lampi/a-note.txt"])
def test_a_folder_with_files_of_somebody_else_is_not_replaced(
    authorities: Authorities, out: Path, existing: str, renew: bool
) -> None:
    note = out / LAMP / existing
    note.parent.mkdir(parents=True)
    note.write_text("mine")
    with pytest.raises(CantWrite, match=existing):
        _provision(authorities, out, LAMP, renew=renew)
    assert note.read_text() == "mine"


def test_a_link_in_the_place_of_a_lamp_s_folder_is_not_followed(authorities: Authorities, out: Path) -> None:
    target = out.parent / "elsewhere"
    _provision(authorities, target, OTHER)
    out.mkdir()
    (out / LAMP).symlink_to(target / OTHER)
    before = (target / OTHER / CERTIFICATE).read_bytes()
    with pytest.raises(CantWrite, match=LAMP):
        _provision(authorities, out, LAMP)
    assert (target / OTHER / CERTIFICATE).read_bytes() == before


def test_what_is_no_folder_in_the_place_of_a_lamp_s_folder_is_not_replaced(authorities: Authorities, out: Path) -> None:
    out.mkdir()
    os.mkfifo(out / LAMP)
    with pytest.raises(CantWrite, match="is not a folder"):
        _provision(authorities, out, LAMP)
    assert (out / LAMP).is_fifo()


def test_a_bundle_with_a_named_pipe_for_a_file_is_made_again(authorities: Authorities, out: Path) -> None:
    _provision(authorities, out, LAMP)
    (out / LAMP / CERTIFICATE).unlink()
    os.mkfifo(out / LAMP / CERTIFICATE)
    assert _provision(authorities, out, LAMP) == [Outcome.RENEWED]
    _assert_whole(authorities, [out / LAMP])


def test_a_link_in_the_place_of_an_interrupted_run_s_folder_is_not_followed(
    authorities: Authorities, out: Path
) -> None:
    target = out.parent / "elsewhere"
    target.mkdir()
    out.mkdir()
    (out / f".{LAMP}.new").symlink_to(target)
    with pytest.raises(CantWrite, match="symbolic link"):
        _provision(authorities, out, LAMP)
    assert list(target.iterdir()) == []


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_only_the_owner_writes_in_the_folders_whatever_the_umask(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        authorities = Authorities.create(tmp_path / "a" / "b" / "ca", NOW)
        _provision(authorities, tmp_path / "c" / "d", LAMP)
    finally:
        os.umask(before)
    modes = {name: stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("a", "a/b", "c", "c/d")}
    assert modes == dict.fromkeys(modes, 0o755)
    for private in ("a/b/ca", f"c/d/{LAMP}"):
        assert stat.S_IMODE((tmp_path / private).stat().st_mode) == 0o700
    assert [path for path in tmp_path.rglob("*") if path.stat().st_mode & 0o022] == []


def test_a_folder_has_all_that_the_pi_needs(authorities: Authorities, out: Path) -> None:
    assert _provision(authorities, out, LAMP) == [Outcome.MADE]
    folder = out / LAMP
    found = {str(path.relative_to(folder)): path for path in folder.rglob("*") if path.is_file()}
    assert set(found) == {
        "README.txt",
        "etc/lampi/lampi-ui.env",
        "etc/mosquitto/conf.d/lampi-bridge.conf",
        "etc/mosquitto/lampi/ca.crt",
        "etc/mosquitto/lampi/lamp.crt",
        "etc/mosquitto/lampi/lamp.key",
    }
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(found["etc/mosquitto/lampi/lamp.key"].stat().st_mode) == 0o600
    bridge = found["etc/mosquitto/conf.d/lampi-bridge.conf"].read_text()
    assert f"\naddress {ADDRESS}\n" in bridge
    assert f"\nremote_clientid {LAMP}\n" in bridge
    assert f"topic lamp/associated in 2 devices/{LAMP}/ devices/{LAMP}/\n" in bridge
    assert "\nnotification_topic" not in bridge
    for name in ("ca.crt", "lamp.crt", "lamp.key"):  # where the bridge looks for them is where the folder has them
        assert f" /etc/mosquitto/lampi/{name}\n" in bridge
    assert found["etc/lampi/lampi-ui.env"].read_text() == f"LAMPI_DEVICE_ID={LAMP}\n"
    readme = found["README.txt"].read_text()
    assert all(part in readme for part in (LAMP, ADDRESS, "sudo cp -r etc /", "2036-03-01"))
    assert found["etc/mosquitto/lampi/ca.crt"].read_bytes() == (authorities.folder / "ca.crt").read_bytes()


def test_a_stock_lamp_s_bridge_strips_the_prefix(authorities: Authorities, out: Path) -> None:
    assert _provision(authorities, out, LAMP, stock=True) == [Outcome.MADE]
    bridge = (out / LAMP / "etc/mosquitto/conf.d/lampi-bridge.conf").read_text().splitlines()
    prefix = f"devices/{LAMP}/"
    assert [line for line in bridge if line.startswith("topic ")] == [
        f'topic lamp/associated in 2 "" {prefix}',
        f'topic lamp/set_config in 1 "" {prefix}',
        f'topic lamp/changed out 1 "" {prefix}',
        f'topic lamp/connection/+/state out 2 "" {prefix}',
        f'topic lamp/reset out 0 "" {prefix}',
    ]
    assert f"notification_topic {prefix}lamp/connection/bridge/state" in bridge
    assert "@" not in "".join(line for line in bridge if not line.startswith("#"))
    settings = (out / LAMP / "etc/lampi/lampi-ui.env").read_text()
    assert settings == f"LAMPI_DEVICE_ID={LAMP}\nLAMPI_TOPIC_PREFIX=\n"
    assert "LAMPI course" in (out / LAMP / "README.txt").read_text()


def test_a_stock_bundle_is_another_one_and_back(authorities: Authorities, out: Path) -> None:
    _provision(authorities, out, LAMP)
    before = _serial(out / LAMP)
    assert _provision(authorities, out, LAMP, stock=True) == [Outcome.CHANGED]
    assert _serial(out / LAMP) != before
    assert _provision(authorities, out, LAMP, stock=True) == [Outcome.KEPT]
    assert _provision(authorities, out, LAMP, stock=True, renew=True) == [Outcome.RENEWED]
    assert _provision(authorities, out, LAMP) == [Outcome.CHANGED]
    assert "LAMPI course" not in (out / LAMP / "README.txt").read_text()
    assert _provision(authorities, out, LAMP) == [Outcome.KEPT]


def test_what_is_good_is_kept(authorities: Authorities, out: Path) -> None:
    _provision(authorities, out, LAMP)
    before = _serial(out / LAMP)
    assert _provision(authorities, out, LAMP, OTHER) == [Outcome.KEPT, Outcome.MADE]
    assert _provision(authorities, out, LAMP, now=NOW + 8 * YEAR) == [Outcome.KEPT]
    assert _serial(out / LAMP) == before


@pytest.mark.parametrize("missing", ["lamp.key", "ca.crt", "../conf.d/lampi-bridge.conf", "../../lampi/lampi-ui.env"])
def test_an_incomplete_folder_is_created_again(authorities: Authorities, out: Path, missing: str) -> None:
    _provision(authorities, out, LAMP)
    place = (out / LAMP / CERTIFICATE).parent / missing
    place.unlink()
    assert _provision(authorities, out, LAMP) == [Outcome.RENEWED]
    assert place.is_file()


def test_a_folder_with_a_wrong_key_is_created_again(authorities: Authorities, out: Path) -> None:
    _provision(authorities, out, LAMP, OTHER)
    (out / LAMP / CERTIFICATE).with_name("lamp.key").write_bytes(
        (out / OTHER / CERTIFICATE).with_name("lamp.key").read_bytes()
    )
    assert _provision(authorities, out, LAMP) == [Outcome.RENEWED]


def test_modes_are_what_a_pi_needs_whatever_the_umask(authorities: Authorities, out: Path) -> None:
    before = os.umask(0o077)
    try:
        _provision(authorities, out, LAMP)
    finally:
        os.umask(before)
    closed = {str(path.relative_to(out)) for path in out.rglob("*") if not path.stat().st_mode & 0o004}
    assert closed == {LAMP, f"{LAMP}/etc/mosquitto/lampi/lamp.key"}


@pytest.mark.parametrize("why", ["asked for", "near its end", "taken back", "another address", "foreign"])
def test_what_is_not_good_is_renewed(authorities: Authorities, out: Path, tmp_path: Path, why: str) -> None:
    _provision(authorities, out, LAMP)
    before = _serial(out / LAMP)
    if why == "taken back":
        authorities.revoke("lamps", [LAMP], NOW)
    if why == "foreign":
        authorities = Authorities.create(tmp_path / "other-ca", NOW)
    outcome = _provision(
        authorities,
        out,
        LAMP,
        now=NOW + 9.5 * YEAR if why == "near its end" else NOW,
        address="other.example.com:8883" if why == "another address" else ADDRESS,
        renew=why == "asked for",
    )
    assert outcome == [Outcome.RENEWED]
    assert _serial(out / LAMP) != before
    assert [path.name for path in out.iterdir()] == [LAMP]


@pytest.mark.slow
def test_a_killed_run_leaves_no_half_lamp_and_can_be_run_again(authorities: Authorities, out: Path) -> None:
    ids = [f"b827ebba{number:04x}" for number in range(400)]
    words = ["provision", "-", "--out", str(out), "--cloud", ADDRESS, "--ca", str(authorities.folder)]
    words += ["--mosquitto", str(out / "none")]
    command = [sys.executable, "-m", "cloud", *words]
    killed = 0
    for _ in range(4):
        before = len(list(out.glob("b*"))) if out.exists() else 0
        run = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert run.stdin is not None
        run.stdin.write("\n".join(ids))
        run.stdin.close()
        wait_until(
            lambda before=before, run=run: len(list(out.glob("b*"))) > before + 20 or run.poll() is not None,  # type: ignore[misc]
            "the run to have made some",
        )
        run.send_signal(signal.SIGKILL)
        killed += run.wait() != 0
        assert run.stdout is not None
        run.stdout.close()
        _assert_whole(authorities, list(out.glob("b*")))
    assert killed
    said = subprocess.run(command, input="\n".join(ids), capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"400 lamps in {out}: ")
    assert " 0 renewed" in said
    assert sorted(path.name for path in out.iterdir()) == ids
    _assert_whole(authorities, list(out.iterdir()))


def test_several_at_once_make_each_lamp_once(authorities: Authorities, out: Path) -> None:
    ids = [f"b827ebba{number:04x}" for number in range(40)]
    with ThreadPoolExecutor(4) as pool:
        runs = [pool.submit(_provision, Authorities(authorities.folder), out, *ids) for _ in range(4)]
        outcomes = [outcome for run in runs for outcome in run.result()]
    assert outcomes.count(Outcome.MADE) == 40
    assert outcomes.count(Outcome.KEPT) == 120
    _assert_whole(authorities, list(out.iterdir()))


def test_where_it_can_not_be_written_is_one_line(authorities: Authorities, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CantWrite, match="Can't create"):
        _provision(authorities, tmp_path / "file" / "lamps", LAMP)


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "list.pem"
    write_file(path, Content(b"old"))

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CantWrite, match="No space left on device"):
        write_file(path, Content(b"new"))
    assert {name.name: name.read_bytes() for name in tmp_path.iterdir()} == {"list.pem": b"old"}


def test_a_file_that_is_replaced_keeps_its_owner_and_mode(tmp_path: Path) -> None:
    path = tmp_path / "revoked.pem"
    write_file(path, Content(b"old", 0o600))
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 1234, 4321)
    before = path.stat()
    write_file(path, Content(b"new", 0o644))
    assert path.read_bytes() == b"new"
    after = path.stat()
    assert (after.st_uid, after.st_gid, after.st_mode) == (before.st_uid, before.st_gid, before.st_mode)


def test_its_mode_is_also_kept_where_its_owner_can_not_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "revoked.pem"
    write_file(path, Content(b"old", 0o600))
    path.chmod(0o640)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    write_file(path, Content(b"new", 0o644))
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o640)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("cloud.example.com", "cloud.example.com:8883"),
        ("Cloud.Example.com:443", "cloud.example.com:443"),
        ("192.0.2.1", "192.0.2.1:8883"),
    ],
)
def test_the_cloud_s_address(text: str, address: str) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize("text", ["", "a b", "a:0", "a/b", "me@a", "[::1]", "a\nlistener 1883", "mqtt://a"])
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(BadName, match="broker's address"):
        read_address(text)


def test_the_shut_out_are_below_the_rules_and_nothing_else_is_touched() -> None:
    rules = "# Mine.\npattern read devices/%u/lamp/associated\n"
    assert with_shut_out(rules, []) == rules
    once = with_shut_out(rules, [LAMP])
    assert once.startswith(rules)
    assert once.endswith(f"\nuser {LAMP}\ntopic deny #\ntopic deny $SYS/#\n")
    assert with_shut_out(once, [LAMP]) == once
    assert with_shut_out(once, [LAMP, OTHER]).count("topic deny #") == 2
    assert with_shut_out(once, []) == rules
