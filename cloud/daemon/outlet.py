"""Where the publisher's messages go: over the connection that there is, while this daemon leads."""

from collections.abc import Sequence

from prometheus_client import Counter

from cloud.daemon.leadership import Leadership
from cloud.daemon.link import DaemonLink
from cloud.daemon.session import Session
from shared.messages import Publication


class Outlet:
    """Holds the link while this daemon leads, and its session while the broker has accepted it."""

    def __init__(self, leadership: Leadership, published: Counter) -> None:
        self._leadership = leadership
        self._published = published
        self.link: DaemonLink | None = None
        self.session: Session | None = None

    @property
    def is_open(self) -> bool:
        """True while there is a connection over which we may publish."""
        # Asked again for each batch, too: the database may have taken longer to answer than the lease lasts.
        return self.link is not None and self.session is not None and self._leadership.held()

    def publish(self, messages: Sequence[tuple[int, Publication]]) -> bool:
        """Hand over numbered messages; return False where none was taken, since nobody may publish now."""
        if self.link is None or self.session is None or not self._leadership.held():
            return False
        # Over the session that we know of: a mark that was reckoned before the broker forgot must not reach it after.
        handed = self.link.publish(messages, self.session.of_link)
        self._published.inc(len(messages) if handed else 0)
        return handed

    def narrow(self) -> None:
        """Have one message under way at a time on this connection."""
        if self.link is not None and self.session is not None:
            self.link.narrow(self.session.of_link)
