"""The state of the connections to the lamp's own broker and from there to the cloud. Pure."""

from dataclasses import dataclass

from lamp_ui.core.view_state import Reach
from shared.mqtt.trouble import Trouble


@dataclass(frozen=True)
class LinkState:
    """What the screen knows about its connections.

    ``bridge_up`` is None until the bridge has reported over the current connection. ``provisioned`` is whether it has a
    provisioned lamp's name; only such lamps can ask for a reset.
    """

    up: bool = False
    bridge_up: bool | None = None
    trouble: Trouble | None = None
    provisioned: bool = False

    @property
    def usable(self) -> bool:
        """Whether what is received is complete, and what is sent arrives."""
        return self.up and self.trouble is None

    @property
    def connection(self) -> Reach:
        """How far the connection reaches."""
        if not self.usable:
            return Reach.NONE
        return Reach.CLOUD if self.bridge_up else Reach.LOCAL_ONLY
