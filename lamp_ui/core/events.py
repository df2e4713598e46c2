"""The touchscreen's decoded input: events from the network and from touches."""

from dataclasses import dataclass

from lamp_ui.core.lamp_control import Control
from shared.mqtt.trouble import Trouble
from shared.protocol.payloads import Association, LampConfig


@dataclass(frozen=True)
class LinkChanged:
    """The connection to the lamp's own broker was made or lost."""

    up: bool


@dataclass(frozen=True)
class LinkTroubled:
    """A problem with a connection that the broker accepts; None once it is resolved."""

    trouble: Trouble | None


@dataclass(frozen=True)
class BridgeChanged:
    """The bridge from the lamp's broker to the cloud connected or disconnected; None if its state was cleared.

    ``provisioned``: it is connected under a provisioned lamp's name.
    """

    up: bool | None
    provisioned: bool = False


@dataclass(frozen=True)
class AssociationChanged:
    """The cloud published whether the lamp has an owner; None if the message was cleared."""

    association: Association | None


@dataclass(frozen=True)
class LampChanged:
    """The lamp's service reported the lamp's state."""

    config: LampConfig


@dataclass(frozen=True)
class RequestLost:
    """A request could not be sent."""


@dataclass(frozen=True)
class Touched:
    """A finger touched the screen anywhere."""


@dataclass(frozen=True)
class FingerHeld:
    """The tracked finger touched or left the screen; while it is down, the screen does not dim."""

    held: bool


@dataclass(frozen=True)
class ControlMoved:
    """A finger moved a control to a value from 0 to 1, and is still on it."""

    control: Control
    value: float


@dataclass(frozen=True)
class ControlLetGo:
    """The finger left a control."""

    control: Control


@dataclass(frozen=True)
class PowerPressed:
    """The lamp's disc was tapped, to switch the lamp."""


@dataclass(frozen=True)
class StatusAsked:
    """The mark was tapped, or the button on the case held: this opens or closes the status page."""


@dataclass(frozen=True)
class StatusLeft:
    """The status page was closed."""


@dataclass(frozen=True)
class ResetHeld:
    """The button for a reset was held long enough."""


@dataclass(frozen=True)
class ResetConfirmed:
    """The offer of a reset was confirmed."""


@dataclass(frozen=True)
class ResetLeft:
    """The dialog for a reset was closed."""


NetworkEvent = LinkChanged | LinkTroubled | BridgeChanged | AssociationChanged | LampChanged | RequestLost

PageEvent = StatusAsked | StatusLeft | ResetHeld | ResetConfirmed | ResetLeft

TouchEvent = Touched | FingerHeld | ControlMoved | ControlLetGo | PowerPressed | PageEvent

Event = NetworkEvent | TouchEvent
