"""The double of a stock touchscreen behaves as the stock one was observed to: it is what other tests go by."""

import pytest

from tests.support.broker import Mosquitto
from tests.support.lamp_service import LampService
from tests.support.stock_screen import POLL_SECONDS, SelfPolled, StockScreen, StockTouchscreen
from tests.support.waiting import wait_until

CLAIMED = b'{"associated": true}'
FIRST, SECOND = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff", "0123456789abcdef0123456789abcdef"
BAD = (b"", b"{", b"\xff", b"[]", b"7", b"{}")


def waiting(code: str, more: str = "") -> bytes:
    return f'{{"associated": false, "code": "{code}"{more}}}'.encode()


def after(*steps: bytes | int) -> StockScreen:
    """Return a screen after payloads and, for each number, so many polls."""
    screen, polls = StockScreen(), 0
    for step in steps:
        if isinstance(step, bytes):
            screen.receive(step)
            continue
        for _ in range(step):
            polls += 1
            screen.poll(polls * POLL_SECONDS)
    return screen


def test_at_first_it_shows_nothing() -> None:
    assert after(20).popup is None
    assert after(CLAIMED, 20).popup is None


def test_it_shows_six_characters_whatever_the_message_says() -> None:
    assert after(waiting(FIRST, ', "short_code_length": 9, "url": "https://example.com"'), 3).popup == "b71e09"


def test_the_popup_opens_at_the_poll_and_its_text_comes_when_it_has_faded_in() -> None:
    assert after(1, waiting(FIRST)).popup is None
    assert after(waiting(FIRST), 1).popup == ""
    assert after(waiting(FIRST), 2).popup == ""
    assert after(waiting(FIRST), 3).popup == "b71e09"


def test_a_claim_closes_the_popup_at_the_next_poll() -> None:
    assert after(waiting(FIRST), 3, CLAIMED).popup == "b71e09"
    assert after(waiting(FIRST), 3, CLAIMED, 1).popup is None
    assert after(waiting(FIRST), 3, CLAIMED, b'{"associated": true, "withdrawn": true}', 1).popup is None


def test_a_new_code_is_ignored_while_the_popup_is_shown() -> None:
    assert after(waiting(FIRST), 3, waiting(SECOND), 50).popup == "b71e09"


def test_a_new_code_is_ignored_even_before_the_popup_opens() -> None:
    assert after(waiting(FIRST), waiting(SECOND), 50).popup == "b71e09"


def test_claimed_and_released_between_two_polls_it_goes_on_showing_the_old_code() -> None:
    assert after(waiting(FIRST), 3, CLAIMED, waiting(SECOND), 50).popup == "b71e09"


def test_released_while_the_popup_closes_it_shows_no_popup() -> None:
    assert after(waiting(FIRST), 3, CLAIMED, 1, waiting(SECOND), 50).popup is None


def test_released_a_second_later_it_shows_the_new_code() -> None:
    reopened = after(waiting(FIRST), 3, CLAIMED, 10, waiting(SECOND), 3)
    assert reopened.popup == "012345"
    assert not reopened.opens
    assert reopened.codes == ["b71e09", "012345"]


def test_a_reopened_popup_has_its_old_text_until_it_has_faded_in() -> None:
    reopened = after(waiting(FIRST), 3, CLAIMED, 10, waiting(SECOND), 1)
    assert reopened.popup == "b71e09"
    assert reopened.opens
    assert reopened.codes == ["b71e09"]


def test_claimed_while_the_popup_opens_it_crashes() -> None:
    assert not after(waiting(FIRST), 1).crashed
    assert after(waiting(FIRST), 1, CLAIMED, 2).crashed


def test_claimed_before_the_popup_opens_nothing_happens() -> None:
    assert after(waiting(FIRST), CLAIMED, 5).popup is None


@pytest.mark.parametrize("payload", [*BAD, b'{"associated": false}'])
def test_a_payload_that_it_does_not_expect_raises(payload: bytes) -> None:
    with pytest.raises((ValueError, KeyError, TypeError)):
        after(payload)


def test_polled_by_itself_it_shows_the_same_as_when_it_is_polled_all_the_time() -> None:
    screen = SelfPolled(phase=0.05)
    screen.receive(waiting(FIRST), 10.0)
    assert screen.popup(10.04) is None
    assert screen.popup(10.06) == ""
    assert screen.popup(10.3) == "b71e09"
    screen.receive(CLAIMED, 3000.0)
    screen.receive(waiting(SECOND), 3000.04)
    assert screen.popup(9000.0) == "b71e09"
    screen.receive(CLAIMED, 9000.0)
    screen.receive(waiting(SECOND), 9001.0)
    assert screen.popup(9001.3) == "012345"
    screen.receive(CLAIMED, 9100.0)
    screen.receive(waiting(FIRST), 9100.1)
    assert screen.popup(10_000.0) is None


@pytest.mark.parametrize("payload", BAD)
def test_polled_by_itself_it_is_deaf_after_a_bad_payload_until_it_is_started_again(payload: bytes) -> None:
    screen = SelfPolled()
    screen.receive(waiting(FIRST), 1.0)
    screen.receive(payload, 2.0)
    screen.receive(CLAIMED, 3.0)
    assert screen.deafened_by == payload
    assert screen.popup(4.0) == "b71e09"
    screen.restart(5.0)
    assert screen.deafened_by is None
    assert screen.popup(6.0) is None


def test_polled_by_itself_a_screen_that_is_switched_on_again_looks_at_what_it_hears_from_then_on() -> None:
    screen = SelfPolled()
    screen.receive(waiting(FIRST), 1.0)
    screen.restart(9.05)
    screen.receive(CLAIMED, 9.05)
    screen.receive(waiting(SECOND), 9.05)
    assert screen.popup(10.0) == "012345"


def test_polled_by_itself_it_comes_back_from_a_crash_with_what_its_broker_retains() -> None:
    screen = SelfPolled(phase=0.05)
    screen.receive(waiting(FIRST), 1.0)
    screen.receive(CLAIMED, 1.1)
    assert screen.popup(2.0) is None
    assert screen.crashes == 1
    screen.receive(waiting(SECOND), 3.0)
    assert screen.popup(4.0) == "012345"


@pytest.mark.parametrize("prefix", ["", "devices/b827ebba0387/"])
def test_the_program_hears_its_broker(broker: Mosquitto, prefix: str) -> None:
    topic = f"{prefix}lamp/associated"
    with StockTouchscreen(broker.port, prefix) as screen:
        assert screen.popup is None
        broker.publish(topic, waiting(FIRST), retain=True)
        screen.wait_for_code("b71e09")
        broker.publish(topic, CLAIMED, retain=True)
        screen.wait_until_closed()
        assert screen.codes == ["b71e09"]
    assert broker.retained(f"{prefix}lamp/connection/#")[f"{prefix}lamp/connection/lamp_ui/state"].payload == b"1"


def test_the_program_is_deaf_after_an_empty_payload_until_it_is_started_again(broker: Mosquitto) -> None:
    with StockTouchscreen(broker.port) as screen, broker.hear("lamp/associated") as ear:
        broker.publish("lamp/associated", waiting(FIRST), retain=True)
        screen.wait_for_code("b71e09")
        broker.publish("lamp/associated", b"", retain=True)
        wait_until(lambda: screen.deaf, "paho's thread to end")
        broker.publish("lamp/associated", CLAIMED, qos=2, retain=True)
        while ear.next().payload != CLAIMED:
            pass
        assert screen.popup == "b71e09"
        screen.restart()
        screen.wait_until_closed()
        assert not screen.deaf


def test_the_service_heeds_what_a_stock_service_heeds(broker: Mosquitto) -> None:
    with LampService(broker.port, "") as service, broker.hear("lamp/changed") as ear:
        assert b'"client": ""' in ear.next().payload
        for request in (b'{"on": false}', b'{"brightness": 1.5, "client": "web"}', b'{"on": false, "client": "web"}'):
            broker.publish("lamp/set_config", request)
        assert b'"on": false, "client": "web"' in ear.next().payload
        broker.publish("lamp/set_config", b'{"color": {"h": 0.6666666, "s": 1}, "client": "web"}')
        assert b'"color": {"h": 0.67, "s": 1}' in ear.next().payload
        assert len(service.requests) == 2
