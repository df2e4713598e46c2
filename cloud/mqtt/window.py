"""The window: how many messages of a connection may be unconfirmed."""

_CALM_WINDOWS = 10
"""How many windows of messages the broker must accept before a narrowed window is widened by an eighth."""


class Window:
    """Narrows when the broker's quota is exceeded, and widens again slowly: the shortage may be temporary.

    ``size`` is the current limit. ``sent_before_narrowing`` has the packet identifiers of messages that were in flight
    when the window was narrowed: their refusals for the same cause don't narrow it again.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.sent_before_narrowing: set[int] = set()
        self._widest = size
        self._accepted = 0

    def limit_to(self, most: int) -> None:
        """Apply the broker's announced limit."""
        self.size = self._widest = min(self._widest, most)

    def narrow(self, in_flight: set[int]) -> None:
        """Halve the window; ``in_flight`` are the packet identifiers of unanswered messages."""
        self.size //= 2
        self.sent_before_narrowing = in_flight
        self._accepted = 0

    def note_accepted(self, count: int) -> None:
        """Widen a narrowed window after enough messages were accepted."""
        if self.size < self._widest:
            self._accepted += count
            if self._accepted >= _CALM_WINDOWS * self.size:
                self._accepted = 0
                self.size = min(self._widest, self.size + max(1, self.size // 8))
