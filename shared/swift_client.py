"""paho's client, quicker: it reads and writes many packets at once, and takes the commonest ones by a shorter way.

paho 2.2 asks the kernel three times for each packet it reads and once for each it writes, and makes a `ReasonCode` and
a `Properties` for every confirmation, which MQTT 3.1.1 does not have: together that is more than half of what a message
of QoS 2 costs. This leans on parts of paho that it does not document; `setup.cfg` therefore admits only releases that
the tests have run with. All that is not in great numbers goes paho's own way.
"""

import threading
import time
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.client import MQTTMessageInfo
from paho.mqtt.enums import MessageState, MessageType, MQTTErrorCode

from shared.read_ahead import CHUNK_BYTES, ReadAhead

_PUBLISH_OF_QOS_0 = (0x30, 0x31)
_CONFIRMATION_BYTES = 2


class SwiftClient(paho.Client):
    """A `paho.Client` for MQTT 3.1.1 that runs with `loop_start`.

    ``on_quick`` gets the topic, the payload, and whether it was retained, of each message of QoS 0, in place of
    ``on_message``; it is called on paho's thread and may not raise.
    """

    on_quick: Callable[[bytes, bytes, bool], None]

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._woken = False

    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:  # noqa: ARG002 - paho does not heed it, either
        """Take all that has come, up to a chunk, and send what it calls for, as one piece."""
        connection: Any = self._sock
        if connection is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        connection.pending() or connection.fill()
        self._last_bytes_received = time.monotonic()
        while True:
            if not self._in_packet["command"]:
                self._take_quickly(connection)
                if connection.ahead and not connection.pending():
                    break
            rc = self._packet_read()
            if rc == MQTTErrorCode.MQTT_ERR_AGAIN:
                break
            if rc != MQTTErrorCode.MQTT_ERR_SUCCESS or self._sock is None:
                return self._loop_rc_handle(rc)
        return self.loop_write() if self._out_packet else MQTTErrorCode.MQTT_ERR_SUCCESS

    def _create_socket(self) -> Any:
        return ReadAhead(super()._create_socket())

    def _take_quickly(self, connection: ReadAhead) -> None:
        """Take whole packets from what was read ahead, as long as they are of the common kinds."""
        ahead, end = connection.ahead, len(connection.ahead)
        while end - connection.at > _CONFIRMATION_BYTES:
            command, length, start = ahead[connection.at], ahead[connection.at + 1], connection.at + 2
            if length > 127:
                length, start = length - 128 + 128 * ahead[start], start + 1
            after = start + length
            if after > end or length > 128 * 127:
                return
            if command in _PUBLISH_OF_QOS_0:
                payload = start + 2 + 256 * ahead[start] + ahead[start + 1]
                if not start + 2 < payload <= after:
                    return
                connection.at = after
                self.on_quick(ahead[start + 2 : payload], ahead[payload:after], bool(command & 1))
            elif length == _CONFIRMATION_BYTES and command == MessageType.PUBREC:
                connection.at = after
                self._note_received(256 * ahead[start] + ahead[start + 1])
            elif length == _CONFIRMATION_BYTES and command == MessageType.PUBCOMP:
                connection.at = after
                self._note_completed(256 * ahead[start] + ahead[start + 1])
            else:
                return

    def _note_received(self, mid: int) -> None:
        with self._out_message_mutex:
            message = self._out_messages.get(mid)
            if message is not None:
                message.state = MessageState.MQTT_MS_WAIT_FOR_PUBCOMP
                self._send_pubrel(mid)

    def _note_completed(self, mid: int) -> None:
        with self._out_message_mutex:
            if mid in self._out_messages:
                self._do_on_publish(mid, None, None)  # type: ignore[arg-type]

    def _packet_queue(
        self, command: int, packet: bytes | bytearray, mid: int, qos: int, info: MQTTMessageInfo | None = None
    ) -> MQTTErrorCode:
        """Add a packet to those that wait, and wake paho's thread where it may be asleep: once, not for each."""
        thread = self._thread
        if thread is None:
            return super()._packet_queue(command, packet, mid, qos, info)
        self._out_packet.append(
            {
                "command": command,
                "mid": mid,
                "qos": qos,
                "pos": 0,
                "to_process": len(packet),
                "packet": packet,
                "info": info,
            }
        )
        waker = self._sockpairW
        if not self._woken and waker is not None and threading.get_ident() != thread.ident:
            self._woken = True
            waker.send(b"\0")
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _packet_write(self) -> MQTTErrorCode:
        """Write the packets that wait as one piece, as far as nothing is to be done after each."""
        self._woken = False  # before looking at what waits: a packet that comes later wakes again
        waiting, together, size = self._out_packet, [], 0
        while waiting and size < CHUNK_BYTES and waiting[0]["qos"] and not waiting[0]["pos"]:
            packet = waiting.popleft()
            together.append(packet["packet"])
            size += len(packet["packet"])
        if together:
            waiting.appendleft({**packet, "packet": b"".join(together), "to_process": size})
        return super()._packet_write()
