"""Settings: read once, all faults together."""

import pytest

from shared.settings import BadSettings, SettingsReader


def test_what_is_set_is_parsed_and_the_rest_has_its_default() -> None:
    reader = SettingsReader({"PORT": "8080", "PREFIX": ""})
    assert reader.read("PORT", int, 80) == 8080
    assert reader.read("PREFIX", str, "devices") == ""
    assert reader.read("HOST", str, "localhost") == "localhost"
    reader.finish()


def test_all_faults_are_reported_together() -> None:
    def refuse(_: str) -> str:
        raise ValueError("is no colour")

    reader = SettingsReader({"PORT": "x", "COLOUR": "salty"})
    assert reader.read("PORT", int, 80) == 80
    assert reader.read("COLOUR", refuse, "red") == "red"
    with pytest.raises(BadSettings, match=r"PORT: .*; COLOUR: is no colour") as refusal:
        reader.finish()
    assert [fault.split(":")[0] for fault in refusal.value.faults] == ["PORT", "COLOUR"]


def test_a_fault_in_a_parser_is_not_a_fault_of_the_setting() -> None:
    def broken(_: str) -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        SettingsReader({"PORT": "1"}).read("PORT", broken, "")
