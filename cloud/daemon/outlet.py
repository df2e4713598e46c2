"""The publisher's access to the broker: open while this daemon leads and is connected."""

from collections.abc import Sequence

from prometheus_client import Counter

from cloud.daemon.leader_election import LeaderElection
from cloud.daemon.mqtt_link import DaemonLink
from cloud.daemon.session import Session
from shared.mqtt.messages import Publication


class Outlet:
    """Holds the link while this daemon leads, and its session while it is connected."""

    def __init__(self, election: LeaderElection, published: Counter) -> None:
        self._election = election
        self._published = published
        self.link: DaemonLink | None = None
        self.session: Session | None = None

    def leads(self) -> bool:
        """Return whether this daemon is the leader now."""
        return self._election.held()

    @property
    def is_open(self) -> bool:
        """True while this daemon may publish."""
        # Checked for each batch, too: the database may have taken longer than the lease lasts.
        return self.link is not None and self.session is not None and self._election.held()

    @property
    def is_live(self) -> bool:
        """True while no retained presence is about to arrive."""
        return self.session is not None and self.session.all_is_read

    @property
    def is_settled(self) -> bool:
        """True once the presence snapshot is settled."""
        return self.session is not None and self.session.snapshot is None

    def publish(self, messages: Sequence[tuple[int, Publication]]) -> bool:
        """Queue numbered messages; return False if none was queued, since this daemon may not publish now."""
        if self.link is None or self.session is None or not self._election.held():
            return False
        # In the known session only: a mark computed before the broker lost its state must not reach it afterwards.
        handed = self.link.publish(messages, self.session.of_link)
        self._published.inc(len(messages) if handed else 0)
        return handed

    def narrow(self) -> None:
        """Limit the connection to one unconfirmed message."""
        if self.link is not None and self.session is not None:
            self.link.narrow(self.session.of_link)
