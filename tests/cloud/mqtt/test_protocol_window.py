"""The window: how many messages are in flight, depending on what the broker allows and refuses."""

from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.window import Window
from tests.support.protocols import HELLO, connected, limited


def test_no_more_are_under_way_than_the_broker_allows() -> None:
    protocol = limited(b"\x21\x00\x02")
    for number in range(5):
        protocol.publish(number, HELLO)
    assert protocol.to_send().count(b"hello") == 2
    protocol.receive(b"\x50\x02\x00\x01")
    assert b"hello" not in protocol.to_send()  # it counts until it is complete
    protocol.receive(b"\x70\x02\x00\x01")
    assert protocol.to_send().count(b"hello") == 1
    protocol.receive(b"\x50\x03\x00\x02\x87")
    assert protocol.to_send().count(b"hello") == 1


def test_where_too_many_are_under_way_half_as_many_are_from_then_on() -> None:
    protocol = connected(most_in_flight=8)
    for number in range(8):
        protocol.publish(number, HELLO)
    protocol.to_send()
    protocol.receive(b"".join(bytes((0x50, 3, 0, identifier, 0x97)) for identifier in (6, 7, 8)))
    assert protocol.take_outcomes() == Outcomes(over_quota=[5, 6, 7])
    assert protocol.window.size == 4
    for identifier in range(1, 6):
        protocol.receive(bytes((0x50, 3, 0, identifier, 0x97)))
    assert protocol.window.size == 4  # those were sent before
    protocol.publish(9, HELLO)
    protocol.to_send()
    protocol.receive(b"\x50\x03\x00\x09\x97")
    assert protocol.window.size == 2
    for identifier in (10, 11):
        protocol.publish(identifier, HELLO)
        protocol.to_send()
        protocol.receive(bytes((0x50, 3, 0, identifier, 0x97)))
    assert protocol.window.size == 1
    assert protocol.take_outcomes() == Outcomes(over_quota=[0, 1, 2, 3, 4, 9, 10], refused=[(11, 0x97)])


def test_identifiers_that_are_in_use_are_not_given_again() -> None:
    protocol = connected(most_in_flight=65_535)
    protocol.publish(0, HELLO)
    first = protocol.to_send()
    for _ in range(65_534):
        protocol.subscribe([("a", 0)])
    protocol.to_send()
    protocol.publish(1, HELLO)
    assert protocol.to_send() == first.replace(b"a/b\x00\x01", b"a/b\x00\x02")


def test_a_narrowed_window_widens_again_while_the_broker_takes_what_it_gets() -> None:
    protocol = connected(most_in_flight=8)
    for number in range(8):
        protocol.publish(number, HELLO)
    protocol.to_send()
    for identifier in range(1, 9):
        protocol.receive(bytes((0x50, 3, 0, identifier, 0x97)))
    assert protocol.window.size == 4
    sizes = []
    identifier = 8
    while protocol.window.size < 8:
        protocol.publish(identifier, HELLO)
        protocol.to_send()
        identifier += 1
        protocol.receive(b"\x50\x02" + identifier.to_bytes(2, "big") + b"\x70\x02" + identifier.to_bytes(2, "big"))
        protocol.take_outcomes()
        sizes.append(protocol.window.size)
    assert sizes == sorted(sizes)
    assert sizes.count(4) == 39  # ten windows of four
    assert set(sizes) == {4, 5, 6, 7, 8}
    assert protocol.window.sent_before_narrowing == set()


def test_a_window_is_never_wider_than_the_broker_s() -> None:
    window = Window(2000)
    window.limit_to(20)
    window.narrow(set())
    for _ in range(1000):
        window.note_accepted(100)
    assert window.size == 20
    window.limit_to(1)
    window.note_accepted(1000)
    assert window.size == 1
