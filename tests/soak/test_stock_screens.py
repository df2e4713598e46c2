"""What the chaos suite counts as a stock screen that is wrong."""

import time

import pytest

from tests.soak.facts import LampFact
from tests.soak.model import NOBODY, ModelLamp
from tests.soak.stock_screens import StockScreens, shown_wrong
from tests.support.waiting import wait_until

CLAIMED, WITHDRAWN = b'{"associated": true}', b'{"associated": true, "withdrawn": true}'
FIRST, SECOND = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff", "0123456789abcdef0123456789abcdef"


def waiting(code: str) -> bytes:
    return f'{{"associated": false, "code": "{code}"}}'.encode()


def fact(code: str = FIRST, state: str = NOBODY, length: int = 6) -> LampFact:
    return LampFact(state, b"", True, code, length, True)


@pytest.mark.parametrize(
    ("popup", "known", "wrong"),
    [
        ("b71e09", fact(), 0),
        (None, fact(state="user ada"), 0),
        (None, fact(state="user ada", length=8), 0),
        (None, None, 0),
        ("012345", fact(), 1),
        (None, fact(), 1),
        ("", fact(), 1),
        ("b71e09", fact(state="user ada"), 1),
        ("b71e09", None, 1),
        ("b71e09", fact(length=8), 1),
    ],
)
def test_a_screen_shows_the_code_that_works_or_none(popup: str | None, known: LampFact | None, wrong: int) -> None:
    assert len(list(shown_wrong("b827eb00000a", popup, known))) == wrong


def pool(count: int = 3) -> tuple[StockScreens, list[str]]:
    """Return the screens of some lamps, and the lamps: of three, one is away in each way."""
    screens, lamps = StockScreens(), [f"b827eb00000{number}" for number in range(count)]
    for device_id in lamps:
        screens.add(ModelLamp(device_id, stock=True))
    return screens, lamps


def wait_for(screens: StockScreens, device_id: str, code: str | None) -> None:
    wait_until(lambda: screens.popup(device_id) == code, f"{device_id} to show {code}")


def test_a_screen_is_deafened_by_an_empty_payload_and_that_is_not_forgotten() -> None:
    screens, (lamp, *_) = pool()
    screens.receive(lamp, waiting(FIRST))
    wait_for(screens, lamp, "b71e09")
    screens.receive(lamp, b"")
    screens.receive(lamp, CLAIMED)
    facts = {lamp: fact(state="user ada")}
    assert any("deafened" in what for what in screens.differences(facts))
    assert any("shows 'b71e09'" in what for what in screens.differences(facts))


def test_a_lamp_that_comes_and_goes_unseen_is_really_away() -> None:
    screens, (lamp, *_) = pool()
    screens.cut_off(lamp)
    screens.receive(lamp, waiting(FIRST))
    assert screens.popup(lamp) is None
    screens.come_back(lamp)
    wait_for(screens, lamp, "b71e09")


def test_what_is_said_while_a_bridge_is_cut_off_comes_in_one_go() -> None:
    screens, lamps = pool()
    for device_id in lamps:
        screens.receive(device_id, waiting(FIRST))
        wait_for(screens, device_id, "b71e09")
        screens.note_agreement()
        screens.cut_off(device_id)
        screens.receive(device_id, WITHDRAWN)
    wait_for(screens, lamps[0], None)  # only the broker believes that it is away
    assert [screens.popup(device_id) for device_id in lamps[1:]] == ["b71e09", "b71e09"]
    assert list(screens.differences({lamps[0]: fact(state="user ada")})) == []  # the others are not looked at
    at = time.monotonic()
    wait_until(lambda: time.monotonic() > at + 0.5, "popups to have closed")
    for device_id in lamps:
        screens.receive(device_id, waiting(SECOND))
        screens.come_back(device_id)
    wait_for(screens, lamps[0], "012345")
    wait_for(screens, lamps[1], "012345")  # it was switched off, and starts over
    at = time.monotonic()
    wait_until(lambda: time.monotonic() > at + 0.5, "popups to have changed if they do")
    assert screens.popup(lamps[2]) == "b71e09"  # it had no poll between the two
