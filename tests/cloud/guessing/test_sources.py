"""Where something comes from, as history says it and guesses are counted by."""

import getpass

import pytest

from cloud.guessing import sources


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        (" 192.0.2.7 ", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9%eth0", "2001:db8:1:2::/64"),
    ],
)
def test_a_client_is_its_address_or_its_network(address: str, source: str) -> None:
    assert sources.client(address) == source


@pytest.mark.parametrize("address", ["", "localhost", "192.0.2", "192.0.2.7:80", "[::1]"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="does not appear to be"):
        sources.client(address)


def test_the_command_line_names_the_systems_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "grace")
    assert sources.command_line() == "command line (grace)"
    monkeypatch.delenv("SUDO_USER")
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert sources.command_line() == "command line (ada)"

    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    assert sources.command_line() == "command line"
