"""What the screen says: from what happened to one view state. Knows neither Kivy nor MQTT."""

from dataclasses import dataclass, field
from enum import Enum, auto
from typing import assert_never
from urllib.parse import urlsplit

from lamp_ui.events import AssociationChanged, BridgeChanged, Event, LinkChanged
from shared.codes import grouped
from shared.payloads import Association, Unassociated

LONGEST_SHOWN_ADDRESS = 32
"""Characters of a web address that a person at a small screen will still read and type."""


class Connection(Enum):
    """How far the lamp's word reaches."""

    CLOUD = auto()
    LOCAL_ONLY = auto()
    """The lamp's own broker answers, but its bridge to the cloud is down, or has not said that it is up."""
    NONE = auto()


_CONNECTION_WORDS = {
    Connection.CLOUD: "Cloud connected",
    Connection.LOCAL_ONLY: "The cloud is away",
    Connection.NONE: "No connection",
}
_POPUP_CONNECTION_WORDS = _CONNECTION_WORDS | {
    # With a code in hand only one thing matters: can it be used now?
    Connection.LOCAL_ONLY: "The cloud is away just now",
    Connection.NONE: "The cloud is away just now",
}


@dataclass(frozen=True)
class PopupState:
    """What the popup of a lamp that nobody owns says; the code stays out of ``repr``."""

    title: str
    code_groups: tuple[str, ...] = field(repr=False)
    instruction: str
    connection_words: str


@dataclass(frozen=True)
class ViewState:
    """All that the screen shows; ``popup`` is None while the lamp's own screen is free to use."""

    device_id: str
    connection: Connection
    connection_words: str
    popup: PopupState | None


class Presenter:
    """Keeps what is known about the lamp with this id, from one event to the next."""

    def __init__(self, device_id: str) -> None:
        self._device_id = device_id
        self._link_up = False
        self._bridge_up = False
        self._association: Association | None = None

    def receive(self, event: Event) -> None:
        """Take note of what happened."""
        match event:
            case LinkChanged(up):
                self._link_up = up
                # Whatever the bridge did meanwhile, we could not hear it; its state is retained and comes next.
                self._bridge_up = False
                # The association stays: a lamp without its network is still as owned as it was.
            case BridgeChanged(up):
                self._bridge_up = up
            case AssociationChanged(association):
                self._association = association
            case _:
                assert_never(event)

    @property
    def view_state(self) -> ViewState:
        """What the screen is to show now."""
        connection = self._connection
        return ViewState(
            device_id=self._device_id,
            connection=connection,
            connection_words=_CONNECTION_WORDS[connection],
            popup=_popup(self._association, connection) if isinstance(self._association, Unassociated) else None,
        )

    @property
    def _connection(self) -> Connection:
        if not self._link_up:
            return Connection.NONE
        return Connection.CLOUD if self._bridge_up else Connection.LOCAL_ONLY


def _popup(unassociated: Unassociated, connection: Connection) -> PopupState:
    short_code = unassociated.code[: unassociated.short_code_length]
    return PopupState(
        title="Associate your Lamp",
        code_groups=tuple(grouped(short_code).split()),
        instruction=_instruction(unassociated.url),
        connection_words=_POPUP_CONNECTION_WORDS[connection],
    )


def _instruction(url: str | None) -> str:
    address = _shown_address(url) if url is not None else None
    if address is None:
        return "Enter this code in your LAMPI account to make this lamp yours."
    return f"Go to {address} and enter this code to make this lamp yours."


def _shown_address(url: str) -> str | None:
    """Return what a person types of a URL, or None where that is too much, or nothing.

    The query is left out: it is for the camera's copy of the address, which brings the code along.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    address = parts.netloc + parts.path.rstrip("/")
    typeable = parts.scheme in ("http", "https") and parts.netloc and address.isascii() and address.isprintable()
    return address if typeable and len(address) <= LONGEST_SHOWN_ADDRESS and " " not in address else None
