"""What the network tells the touchscreen, decoded: the only things that cross between their threads."""

from dataclasses import dataclass

from shared.payloads import Association


@dataclass(frozen=True)
class LinkChanged:
    """The link to the lamp's own broker came up or went down."""

    up: bool


@dataclass(frozen=True)
class BridgeChanged:
    """The bridge from the lamp's broker to the cloud's came up or went down."""

    up: bool


@dataclass(frozen=True)
class AssociationChanged:
    """The cloud said whether the lamp has an owner; None where it took back what it had said."""

    association: Association | None


Event = LinkChanged | BridgeChanged | AssociationChanged
