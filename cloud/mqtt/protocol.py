"""State machine of an MQTT connection: bytes and publications go in, bytes and outcomes come out."""

from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from cloud.mqtt import packets, reading, reasons
from cloud.mqtt.arrivals import OF_QOS_0, Arrivals
from cloud.mqtt.outcomes import Outcomes
from cloud.mqtt.packets import CONNACK, DISCONNECT, PINGRESP, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, SUBACK
from cloud.mqtt.reading import Connack, Ended, Limits, Message, ProtocolError
from cloud.mqtt.window import Window
from shared.mqtt.messages import Publication

_SMALL = 128


class Protocol:
    """Client side of one connection, from CONNECT to its end.

    A publication is accepted when the broker has answered with a successful PUBACK (QoS 1) or PUBCOMP (QoS 2). At most
    ``window`` are in flight: the minimum of ``most_in_flight`` and the broker's limit. ``connack`` is None until the
    broker has answered, ``ended`` until it sends DISCONNECT.
    """

    def __init__(self, login: packets.Login, level: int, most_in_flight: int) -> None:
        self.level = level
        self.window = Window(most_in_flight)
        self.takes_qos_2 = False
        self.connack: Connack | None = None
        self.ended: Ended | None = None
        self._arrivals = Arrivals()
        self.subacks: list[tuple[int, bytes]] = []
        self.oversized: list[tuple[bytes, int]] = []
        self._limits = Limits()
        self._rest = b""
        self._out: list[bytes] = [packets.connect(login, level)]
        self._waiting: deque[tuple[int, Publication]] = deque()
        self._of_qos_1: dict[int, int] = {}
        self._of_qos_2: dict[int, int] = {}
        self._released: dict[int, int] = {}
        self._outcomes = Outcomes()
        self._to_skip = 0
        self._identifier = 0

    @property
    def oldest(self) -> tuple[tuple[int, int] | None, ...]:
        """The longest unanswered message in each phase of its delivery, as packet identifier and number, or None."""
        return tuple(next(iter(each.items()), None) for each in (self._of_qos_1, self._of_qos_2, self._released))

    @property
    def waits_at_qos_2(self) -> bool:
        """True while a message of QoS 2 has no answer at all."""
        return bool(self._of_qos_2)

    def lower_qos(self) -> None:
        """Send at most QoS 1 from now on."""
        self._limits = replace(self._limits, maximum_qos=1)

    def publish(self, number: int, publication: Publication) -> None:
        """Send a message of QoS 1 or 2 when the window allows; its outcome is reported under ``number``.

        A message beyond the broker's announced limits is refused at once. QoS is lowered to the broker's maximum.
        """
        reason = self._limits.refusal_of(publication, self.level)
        if reason is not None:
            self._outcomes.refused.append((number, reason))
        else:
            self._waiting.append((number, publication))

    def subscribe(self, filters: Sequence[tuple[str, int]]) -> int:
        """Subscribe to filters, each with its maximum QoS; return the identifier of the later entry in ``subacks``."""
        identifier = self._next_identifier()
        self._out.append(packets.subscribe(identifier, filters, self.level))
        return identifier

    def unsubscribe(self, filters: Sequence[str]) -> None:
        """End subscriptions to filters."""
        self._out.append(packets.unsubscribe(self._next_identifier(), filters, self.level))

    def ping(self) -> None:
        self._out.append(packets.PING)

    def disconnect(self) -> None:
        """Send a DISCONNECT; the broker discards the will."""
        self._out.append(packets.GOODBYE)

    def to_send(self) -> bytes:
        """Return the bytes to send now; each is returned once."""
        out, self._out = self._out, []
        if self._waiting and self.connack is not None:
            room = self.window.size - len(self._of_qos_1) - len(self._of_qos_2) - len(self._released)
            highest, level, waiting = self._limits.maximum_qos, self.level, self._waiting
            while room > 0 and waiting:
                room -= 1
                number, publication = waiting.popleft()
                qos = min(publication.qos, highest)
                identifier = self._next_identifier()
                (self._of_qos_2 if qos > 1 else self._of_qos_1)[identifier] = number
                out.append(packets.publish(publication, qos, identifier, level))
        return b"".join(out)

    def take_outcomes(self) -> Outcomes:
        """Return the outcomes since the last call."""
        taken, self._outcomes = self._outcomes, Outcomes()
        self.window.note_accepted(len(taken.accepted))
        return taken

    def take_messages(self) -> list[Message]:
        """Return the messages since the last call."""
        return self._arrivals.take()

    def receive(self, data: bytes) -> None:
        """Process received bytes, which may be split anywhere.

        Raises:
            ProtocolError: malformed or unexpected data; close the connection.
        """
        data = self._continued(data)
        at, end, arrivals, bodies = 0, len(data), self._arrivals, self._arrivals.bodies
        while end - at > 1:
            length, start = data[at + 1], at + 2
            if length >= _SMALL:
                found = reading.read_length(data, at + 1)
                if found is None:
                    break
                length, start = found
            after = start + length
            if length > packets.MOST_PACKET_BYTES:
                skipped_up_to = self._skip(data, at, start, length)
                if skipped_up_to is None:
                    break
                at = skipped_up_to
                continue
            if after > end:
                break
            head = data[at]
            at = after
            if self.connack is None:
                self._take(head, data[start:after])
            elif head in OF_QOS_0:
                if head != arrivals.head:
                    arrivals.settle(self.level, head)
                bodies.append(data[start:after])
            elif head == PUBREC and length == 2:
                self._release(data[start] << 8 | data[start + 1])
            elif head == PUBCOMP and length == 2:
                self._complete(data[start] << 8 | data[start + 1])
            else:
                self._take(head, data[start:after])
        self._rest = data[at:]
        arrivals.settle(self.level)

    def _continued(self, data: bytes) -> bytes:
        """Prepend the unprocessed rest of the last call, or drop the remainder of a discarded packet."""
        if self._to_skip:
            skipped = min(self._to_skip, len(data))
            self._to_skip -= skipped
            return data[skipped:]
        return self._rest + data if self._rest else data

    def _skip(self, data: bytes, at: int, start: int, length: int) -> int | None:
        """Discard a message that is too large; return where to go on, None until its packet identifier has arrived."""
        head, received = data[at], len(data)
        if head & packets.KIND != PUBLISH:
            raise ProtocolError(f"a packet of {length} bytes")
        topic_end = start + 2 + int.from_bytes(data[start : start + 2], "big")
        if received < start + 2 or received < topic_end + 2:
            return None
        if head >> 1 & 3:
            self._out.append(packets.acknowledge(PUBACK, int.from_bytes(data[topic_end : topic_end + 2], "big")))
        self.oversized.append((data[start + 2 : topic_end], length))
        end = min(start + length, received)
        self._to_skip = start + length - end
        return end

    def _release(self, identifier: int) -> None:
        """Handle a successful PUBREC: the broker has stored the message and waits for PUBREL."""
        number = self._of_qos_2.pop(identifier, None)
        if number is not None:
            self._released[identifier] = number
            self.takes_qos_2 = True
        elif identifier not in self._released:
            self._out.append(packets.release_unknown(identifier, self.level))
            return
        self._out.append(packets.acknowledge(PUBREL, identifier))

    def _complete(self, identifier: int) -> None:
        number = self._released.pop(identifier, None)
        if number is not None:
            self._outcomes.accepted.append(number)
            if self.window.sent_before_narrowing:
                self.window.sent_before_narrowing.discard(identifier)
        elif identifier in self._of_qos_2:
            raise ProtocolError("PUBCOMP before PUBREC")

    def _take(self, head: int, body: bytes) -> None:
        if (head == CONNACK) is not (self.connack is None):
            raise ProtocolError("a packet before CONNACK" if self.connack is None else "a second CONNACK")
        if head & packets.KIND == PUBLISH:
            (message,) = reading.read_publishes(head, [body], self.level)
            if message.identifier is not None:
                self._out.append(packets.acknowledge(PUBACK, message.identifier))
            self._arrivals.add(message, self.level)
        elif head in (PUBACK, PUBREC, PUBCOMP):
            self._conclude(head, *reading.read_acknowledgement(body, self.level))
        elif head == SUBACK:
            self.subacks.append(reading.read_suback(body, self.level))
        elif head == CONNACK:
            self._begin(reading.read_connack(body, self.level))
        elif head == DISCONNECT and self.level == packets.MQTT_5:
            self.ended = reading.read_disconnect(body)
        elif head != packets.UNSUBACK and (head != PINGRESP or body):
            raise ProtocolError(f"unexpected packet with first byte 0x{head:02x}")

    def _begin(self, connack: Connack) -> None:
        self.connack, self._limits = connack, connack.limits
        self.window.limit_to(connack.limits.receive_maximum)
        waiting, self._waiting = self._waiting, deque()
        for number, publication in waiting:
            self.publish(number, publication)

    def _conclude(self, head: int, identifier: int, reason: int) -> None:
        """Handle an acknowledgement with any reason code."""
        if head != PUBACK and reason < reasons.LOWEST_FAILURE:
            (self._release if head == PUBREC else self._complete)(identifier)
            return
        under_way = {PUBACK: self._of_qos_1, PUBREC: self._of_qos_2, PUBCOMP: self._released}[head]
        number = under_way.pop(identifier, None)
        if number is None:
            return
        was_sent_before = identifier in self.window.sent_before_narrowing
        self.window.sent_before_narrowing.discard(identifier)
        if reason < reasons.LOWEST_FAILURE:
            self._outcomes.accepted.append(number)
        elif reason != reasons.QUOTA_EXCEEDED or not (was_sent_before or self.window.size > 1):
            self._outcomes.refused.append((number, reason))
        else:
            self._outcomes.over_quota.append(number)
            if not was_sent_before:
                self.window.narrow({*self._of_qos_1, *self._of_qos_2, *self._released})

    def _next_identifier(self) -> int:
        identifier = self._identifier % packets.HIGHEST_IDENTIFIER + 1
        while identifier in self._of_qos_2 or identifier in self._released or identifier in self._of_qos_1:
            identifier = identifier % packets.HIGHEST_IDENTIFIER + 1
        self._identifier = identifier
        return identifier
