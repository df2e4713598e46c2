"""All that the screen shows, in one value: what the presenter makes and the view renders."""

from dataclasses import dataclass, field
from enum import Enum, auto

from lamp_ui.lamp import Control, Lamp


class Connection(Enum):
    """How far the lamp's word reaches."""

    CLOUD = auto()
    LOCAL_ONLY = auto()
    """The lamp's own broker answers, but its bridge to the cloud is down, or has not said that it is up."""
    NONE = auto()


@dataclass(frozen=True)
class ControlWords:
    """What stands above a slider: what it sets, and to what."""

    name: str
    value: str


@dataclass(frozen=True)
class LampScreen:
    """The lamp's own screen."""

    device_id: str
    lamp: Lamp
    power_words: str
    control_words: dict[Control, ControlWords]


@dataclass(frozen=True)
class PopupState:
    """What a lamp that nobody owns says; the code stays out of ``repr``.

    ``scanned_address`` is what the QR code says; where it is None there is none. While ``identified`` the popup stands
    out, for somebody who asked which lamp this is.
    """

    title: str
    code_groups: tuple[str, ...] = field(repr=False)
    instruction: str
    connection_words: str
    scanned_address: str | None = field(repr=False)
    identified: bool = False


@dataclass(frozen=True)
class StatusRow:
    """A line of the status page."""

    name: str
    value: str


@dataclass(frozen=True)
class StatusPage:
    """For whoever has to find out what is wrong."""

    title: str
    rows: tuple[StatusRow, ...]
    close_words: str


@dataclass(frozen=True)
class ViewState:
    """All that the screen shows.

    ``popup``, ``confirmation`` and ``status`` each cover the lamp's own screen while they are not
    None, the later over the earlier.
    """

    connection: Connection
    connection_words: str
    main: LampScreen
    popup: PopupState | None
    confirmation: str | None
    status: StatusPage | None
    dimmed: bool
