"""All that the screen shows, in one value: what the presenter makes and the view renders."""

from dataclasses import dataclass, field
from enum import Enum, auto

from lamp_ui.lamp import Control, Knowledge, Lamp


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
    """The lamp's own screen.

    ``headline`` is the lamp's name, or ``unnamed``, a word and the end of its id, where it is not ``named``. What
    ``lamp`` has None for is not known, and can't be touched. ``notice`` says what is missing or under
    way, and is empty where nothing is.
    """

    headline: str
    unnamed: str
    named: bool
    lamp: Lamp
    knowledge: Knowledge
    power_words: str
    notice: str
    control_words: dict[Control, ControlWords]


@dataclass(frozen=True)
class PopupState:
    """What an unclaimed lamp says; the code stays out of ``repr``.

    ``scanned_address`` is what the QR code says; where it is None there is none. ``identity`` ends with the last four
    characters of the lamp's id, which the web page shows as well. While ``identified`` the popup stands out, for a
    person who compares the two. ``hint`` says whether the code can be used now, and for how long.
    """

    title: str
    code_groups: tuple[str, ...] = field(repr=False)
    instruction: str
    identity: str
    hint: str
    scanned_address: str | None = field(repr=False)
    identified: bool = False


@dataclass(frozen=True)
class StatusRow:
    """A line of the status page."""

    name: str
    value: str


@dataclass(frozen=True)
class StatusPage:
    """What is wrong, what to do (``advice``), and the facts for whoever does it."""

    title: str
    advice: str
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
