"""Routes a message to its subscriptions by topic."""

from collections.abc import Callable, Sequence

from shared.mqtt.messages import Message, Subscription
from shared.protocol import topics
from shared.protocol.errors import BadMessage, quoted

Receive = Callable[[Message], None]


class Router:
    """Routes messages to the matching subscriptions; ``on_ignored`` gets the reason and kind of each ignored one."""

    def __init__(self, subscriptions: Sequence[Subscription], on_ignored: Callable[[str, str], None]) -> None:
        # paho's own lookup takes ten times as long, too slow for a burst of a million messages.
        self._exact: dict[str, list[Receive]] = {}
        self._patterns: list[tuple[Callable[[str], object], Receive]] = []
        for each in subscriptions:
            if "+" in each.topic_filter or "#" in each.topic_filter:
                self._patterns.append((topics.filter_pattern(each.topic_filter).fullmatch, each.receive))
            else:
                self._exact.setdefault(each.topic_filter, []).append(each.receive)
        self._on_ignored = on_ignored

    def deliver(self, topic: str, payload: bytes, retained: bool) -> None:
        """Route a message; malformed and unsubscribed messages are ignored."""
        message = Message(topic, payload, retained)
        receivers = [receive for matches, receive in self._patterns if matches(topic)]
        if topic in self._exact:
            receivers = self._exact[topic] + receivers
        for receive in receivers:
            try:
                receive(message)
            except BadMessage as reason:
                self._on_ignored(f"Ignored {reason.part} on {quoted(message.topic)}: {reason}", reason.kind)
        if not receivers:
            self.ignore_unasked()

    def ignore_unasked(self) -> None:
        """Ignore a message that no subscription can match, such as one on a topic that is not UTF-8."""
        self._on_ignored("Ignored a message on a topic that is not UTF-8 or not subscribed to", "unasked")
