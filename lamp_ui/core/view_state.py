"""The view state: everything that the screen shows, as one value. The presenter computes it, the view renders it."""

from dataclasses import dataclass, field
from enum import Enum, auto

from lamp_ui.core.lamp_control import Control, Knowledge, Lamp


class Reach(Enum):
    """How far the connection reaches."""

    CLOUD = auto()
    LOCAL_ONLY = auto()
    """To the lamp's own broker; the bridge to the cloud is down, or has not reported."""
    NONE = auto()


@dataclass(frozen=True)
class ControlWords:
    """The labels above a slider: its name and its value."""

    name: str
    value: str


@dataclass(frozen=True)
class LampScreen:
    """The lamp's own screen.

    ``headline`` is the lamp's name if it is ``named``, otherwise ``unnamed``: LAMPI and the end of its id. A member of
    ``lamp`` that is None is unknown, and its control ignores touches. ``notice`` says what is missing or under way; it
    may be empty.
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
    """The popup of an unclaimed lamp; the code stays out of ``repr``.

    ``scanned_address`` is the content of the QR code, None for no QR code. ``identity`` ends with the last four
    characters of the lamp's id, which the web page shows as well; they are highlighted while ``identified``. ``hint``
    says whether the code can be used now, and for how long.
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
class HoldWords:
    """The words on a button that is held: before, and meanwhile."""

    free: str
    held: str


@dataclass(frozen=True)
class StatusPage:
    """The status page. ``advice`` says what is wrong and what to do; the rows have the facts.

    ``reset`` is the button that is held to ask for a reset; None if that is not possible now.
    """

    title: str
    advice: str
    rows: tuple[StatusRow, ...]
    close_words: str
    reset: HoldWords | None


@dataclass(frozen=True)
class ResetPage:
    """The dialog for a reset; ``confirm_words`` is None while there is nothing to confirm."""

    title: str
    words: str
    confirm_words: str | None
    close_words: str


@dataclass(frozen=True)
class ViewState:
    """Everything that the screen shows.

    ``popup``, ``confirmation``, ``status`` and ``reset`` cover the lamp's own screen while they are not None, in this
    order.
    """

    connection: Reach
    connection_words: str
    main: LampScreen
    popup: PopupState | None
    confirmation: str | None
    status: StatusPage | None
    reset: ResetPage | None
    dimmed: bool
