"""Device ids: as the wire spells them, as people write them, and the machine's own."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.protocol.device_id import BadDeviceId, own_device_id, read_device_id


def is_device_id(text: str) -> bool:
    return re.fullmatch("[0-9a-f]{12}", text) is not None


@pytest.mark.parametrize(
    "text",
    ["b827ebba0387", "B827EBBA0387", "b8:27:eb:ba:03:87", "B8-27-EB-BA-03-87", "b827.ebba.0387", " b827ebba0387\n"],
)
def test_a_mac_address_is_read_however_it_is_written(text: str) -> None:
    assert read_device_id(text) == "b827ebba0387"


@pytest.mark.parametrize("text", ["", "b827ebba038", "b827ebba03877", "b827ebba038g", "b827/ebba/0387", "٣" * 12])
def test_anything_else_is_refused(text: str) -> None:
    with pytest.raises(BadDeviceId, match="12 hexadecimal characters"):
        read_device_id(text)


def test_a_refusal_is_one_short_line() -> None:
    with pytest.raises(BadDeviceId) as refusal:
        read_device_id("\n" * 5 + "x\ny" * 1000)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 250


@pytest.mark.parametrize("text", ["B827EBBA0387", "b8:27:eb:ba:03:87", "b827ebba0387\n", "b827ebba038"])
def test_the_wire_knows_one_spelling(text: str) -> None:
    assert not is_device_id(text)


@given(st.text())
def test_what_is_read_is_a_device_id(text: str) -> None:
    try:
        device_id = read_device_id(text)
    except BadDeviceId:
        return
    assert is_device_id(device_id)


def interfaces(folder: Path, hardware: tuple[str, ...] = (), **addresses: str) -> Path:
    for name, address in addresses.items():
        (folder / name).mkdir()
        (folder / name / "address").write_text(f"{address}\n")
        if name in hardware:
            (folder / name / "device").mkdir()
    return folder


def test_the_machine_is_called_after_eth0(tmp_path: Path) -> None:
    found = own_device_id(
        interfaces(
            tmp_path,
            ("docker0", "wlan0"),
            docker0="02:42:ac:11:00:02",
            eth0="b8:27:eb:ba:03:87",
            wlan0="b8:27:eb:00:00:01",
        )
    )
    assert found == "b827ebba0387"


def test_without_eth0_hardware_comes_before_what_only_pretends(tmp_path: Path) -> None:
    found = own_device_id(
        interfaces(
            tmp_path, ("enp1s0",), docker0="02:42:ac:11:00:02", enp1s0="b8:27:eb:ba:03:87", lo="00:00:00:00:00:00"
        )
    )
    assert found == "b827ebba0387"


def test_what_has_no_mac_address_is_passed_over(tmp_path: Path) -> None:
    found = own_device_id(
        interfaces(tmp_path, eth0="00:00:00:00:00:00", ib0="80:00" + ":00" * 18, tun0="", wlan0="b8:27:eb:ba:03:87")
    )
    assert found == "b827ebba0387"


def test_a_machine_that_shows_no_interfaces_still_has_an_id(tmp_path: Path) -> None:
    assert is_device_id(own_device_id(tmp_path / "none"))


def test_this_machine_has_an_id() -> None:
    assert is_device_id(own_device_id())
