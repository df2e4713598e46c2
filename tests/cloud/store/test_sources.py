"""Sources of requests, as recorded in the audit log and used for rate limits."""

import os
import pwd

import pytest

from cloud.store import sources


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
        ("192.0.2.7:80", "192.0.2.7"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]:443", "2001:db8:1:2::/64"),
        ("[::ffff:192.0.2.7]:443", "192.0.2.7"),
    ],
)
def test_a_client_is_its_address_or_its_network(address: str, source: str) -> None:
    assert sources.client(address) == source


@pytest.mark.parametrize("address", ["", "localhost", "192.0.2", "unknown", "[192.0.2", "[]:1", "a:80"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        sources.client(address)


@pytest.mark.parametrize(
    ("source", "bits", "network"),
    [
        ("2001:db8:1:2ff::/64", 56, "2001:db8:1:200::/56"),
        ("2001:db8:1:2ff::/64", 48, "2001:db8:1::/48"),
        ("192.0.2.7", 56, None),
        (sources.UNKNOWN, 56, None),
        (sources.SHELL, 48, None),
    ],
)
def test_the_wider_network_of_an_ipv6_source(source: str, bits: int, network: str | None) -> None:
    assert sources.wider_network(source, bits) == network


def test_the_command_line_names_the_systems_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "grace")
    assert sources.command_line() == "command line (grace)"
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert sources.command_line() == f"command line ({pwd.getpwuid(os.getuid()).pw_name})"


def test_a_user_without_a_name_is_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SUDO_USER", raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 4_000_000_000)
    assert sources.command_line() == "command line (uid 4000000000)"
