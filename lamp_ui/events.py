"""The events that the touchscreen handles: decoded messages from the network, and touches."""

from dataclasses import dataclass

from lamp_ui.lamp import Control
from shared.payloads import Association, LampConfig
from shared.trouble import Trouble


@dataclass(frozen=True)
class LinkChanged:
    """The link to the lamp's own broker came up or went down."""

    up: bool


@dataclass(frozen=True)
class LinkTroubled:
    """Something is wrong with the link although the broker accepts it; None: no longer."""

    trouble: Trouble | None


@dataclass(frozen=True)
class BridgeChanged:
    """The bridge from the lamp's broker to the cloud's came up or went down."""

    up: bool


@dataclass(frozen=True)
class AssociationChanged:
    """The cloud said whether the lamp has an owner; None where it took back what it had said."""

    association: Association | None


@dataclass(frozen=True)
class LampChanged:
    """The lamp's service said what the lamp shows now."""

    config: LampConfig


@dataclass(frozen=True)
class RequestLost:
    """A request could not be handed to the broker after all."""


@dataclass(frozen=True)
class Touched:
    """A finger came down, anywhere."""


@dataclass(frozen=True)
class FingerHeld:
    """The finger that counts came down, or was lifted; while it is down, the screen does not dim."""

    held: bool


@dataclass(frozen=True)
class ControlMoved:
    """A finger set a control to a value from 0 to 1, and is still on it."""

    control: Control
    value: float


@dataclass(frozen=True)
class ControlLetGo:
    """The finger left a control."""

    control: Control


@dataclass(frozen=True)
class PowerPressed:
    """The lamp is to be switched."""


@dataclass(frozen=True)
class StatusAsked:
    """The mark was tapped, or the button on the case held: the status page is wanted, or no longer."""


@dataclass(frozen=True)
class StatusLeft:
    """The status page was closed."""


News = LinkChanged | LinkTroubled | BridgeChanged | AssociationChanged | LampChanged | RequestLost
"""What the network tells."""

Touch = Touched | FingerHeld | ControlMoved | ControlLetGo | PowerPressed | StatusAsked | StatusLeft
"""What a finger does."""

Event = News | Touch
