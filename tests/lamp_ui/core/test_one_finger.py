"""One finger at a time, and one tap once, however many devices deliver it."""

from lamp_ui.core.one_finger import ECHO_REACH, ECHO_SECONDS, LOST_SECONDS, Down, OneFinger


def down(uid: int, device: str = "mtdev", x: float = 100, y: float = 100) -> Down:
    return Down(uid, device, x, y)


def test_a_second_finger_waits_until_the_first_is_gone() -> None:
    finger = OneFinger()
    assert finger.takes(down(1), 0)
    assert not finger.takes(down(2, x=10), 1)
    finger.lifted(2, 2)
    assert not finger.takes(down(3, x=10), 2)
    finger.lifted(1, 3)
    assert finger.takes(down(4, x=10), 3)


def test_a_tap_that_two_devices_deliver_at_once_counts_once() -> None:
    finger = OneFinger()
    assert finger.takes(down(1), 0)
    assert not finger.takes(down(2, "mouse"), 0.01)
    finger.lifted(1, 0.1)
    finger.lifted(2, 0.11)
    assert not finger.takes(down(3, "mouse", x=105), 0.2)


def test_a_tap_that_another_device_delivers_afterwards_counts_once() -> None:
    finger = OneFinger()
    assert finger.takes(down(1), 0)
    finger.lifted(1, 0.05)
    assert not finger.takes(down(2, "mouse"), 0.06)
    finger.lifted(2, 0.06)
    assert finger.takes(down(3, "mouse", x=100 + ECHO_REACH + 1), 0.07)
    finger.lifted(3, 0.08)
    assert finger.takes(down(4), 0.08 + ECHO_SECONDS)


def test_two_quick_taps_of_one_device_are_two() -> None:
    finger = OneFinger()
    assert finger.takes(down(1), 0)
    finger.lifted(1, 0.05)
    assert finger.takes(down(2), 0.1)


def test_a_finger_whose_end_was_lost_does_not_block_the_screen() -> None:
    finger = OneFinger()
    assert finger.takes(down(1), 0)
    finger.moved(1, 5)
    finger.moved(9, 14)
    assert not finger.takes(down(2), 4.9 + LOST_SECONDS)
    assert finger.takes(down(3), 5 + LOST_SECONDS)


def test_a_finger_that_rests_counts_until_it_is_lifted() -> None:
    finger = OneFinger()
    assert finger.takes(down(1), 0)
    assert finger.lifted(1, 100 * LOST_SECONDS)


def test_a_finger_that_was_replaced_does_not_count_any_more() -> None:
    finger = OneFinger()
    assert finger.takes(down(1), 0)
    assert finger.takes(down(2, x=10), LOST_SECONDS)
    finger.moved(1, 2 * LOST_SECONDS - 1)
    assert not finger.lifted(1, 2 * LOST_SECONDS - 1)
    assert not finger.takes(down(3, x=10), 2 * LOST_SECONDS - 1)
    assert finger.lifted(2, 2 * LOST_SECONDS)
