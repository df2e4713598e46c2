"""The local stack's ports: free, different, and such that no outgoing connection takes one before it is used."""

import socket
from pathlib import Path

import pytest

from cloud.devtools.local_stack import ports


def test_free_ports_are_different_and_can_be_listened_on() -> None:
    found = ports.free_ports(5)
    assert len(set(found)) == 5
    listeners = [socket.create_server(("127.0.0.1", port)) for port in found]
    for listener in listeners:
        listener.close()


def test_a_port_is_below_those_that_the_kernel_gives_to_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    assert all(1024 <= port < first for port in ports.free_ports(50))


def test_a_port_in_use_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", ports.free_ports(1)[0])) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(ports, "_FIRST_UNPRIVILEGED", port)
        monkeypatch.setattr(ports, "_first_ephemeral", lambda: port + 1)
        assert ports.free_ports(1) != [port]


@pytest.mark.parametrize("special", [8883, 6000, 6667, 10080])
def test_a_port_that_clients_treat_specially_is_not_chosen(special: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_FIRST_UNPRIVILEGED", special)
    monkeypatch.setattr(ports, "_first_ephemeral", lambda: special + 1)
    assert ports.free_ports(1) != [special]


def test_without_the_kernel_s_range_the_kernel_chooses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "_EPHEMERAL_RANGE", tmp_path / "none")
    assert len(set(ports.free_ports(5))) == 5
