"""What the screen says: from what happened to one view state. Knows neither Kivy nor MQTT; time is an argument."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from typing import assert_never

from lamp_ui import events
from lamp_ui.claim import scanned_address, shown_address
from lamp_ui.identify import Identify
from lamp_ui.lamp import Control, LampControl
from lamp_ui.rest import Rest
from lamp_ui.status import About, MachineFacts, News, status_page
from lamp_ui.view_state import Connection, ControlWords, LampScreen, PopupState, StatusPage, ViewState
from lamp_ui.words import Say, hue_name, percent
from shared.codes import grouped
from shared.payloads import Associated, Association, LampConfig, Unassociated

CONFIRMATION_SECONDS = 2.0


@dataclass(frozen=True)
class Surroundings:
    """What the presenter needs from outside.

    ``say`` turns English into the person's language; ``read_machine`` is asked each time that the
    status page opens; the screen dims ``dim_after_seconds`` after the last touch, or never if 0.
    """

    about: About
    say: Say = field(repr=False)
    read_machine: Callable[[], MachineFacts] = field(repr=False)
    dim_after_seconds: float


class Presenter:
    """Keeps what is known about the lamp, from one event to the next.

    Every ``now`` is in seconds of one clock that doesn't go backwards.
    """

    def __init__(self, surroundings: Surroundings, now: float) -> None:
        self._about = surroundings.about
        self._say = surroundings.say
        self._read_machine = surroundings.read_machine
        self._link_up = False
        self._bridge_up = False
        self._association: Association | None = None
        self._lamp = LampControl()
        self._rest = Rest(surroundings.dim_after_seconds, now)
        self._confirmed_until = -inf
        self._identify = Identify()
        self._last_message_at: float | None = None
        self._machine: tuple[MachineFacts, float] | None = None

    def receive(self, event: events.Event, now: float) -> None:
        """Take note of what happened."""
        match event:
            case events.LinkChanged(up):
                self._change_link(up)
            case events.BridgeChanged(up):
                self._bridge_up = up
                self._last_message_at = now
            case events.AssociationChanged(association):
                self._associate(association, now)
                self._last_message_at = now
            case events.LampChanged(config):
                self._lamp.hear(config, now)
                self._last_message_at = now
            case events.RequestLost():
                self._lamp.lose_request()
            case _:
                self._feel(event, now)

    def take_request(self, now: float) -> LampConfig | None:
        """Return what to ask of the lamp now, or None; what can't be sent is kept."""
        return self._lamp.take_request(now) if self._link_up else None

    def next_at(self, now: float) -> float:
        """Return when time alone will change something; infinity for never."""
        confirmed = self._confirmed_until if self._confirmed_until > now else inf
        due = (self._rest.next_at(now), self._identify.next_at(now), self._lamp.next_at(can_send=self._link_up))
        return min(confirmed, *due)

    def view_state(self, now: float) -> ViewState:
        """Return what the screen is to show at an instant."""
        self._lamp.settle(now)
        connection = self._connection
        confirmed = now < self._confirmed_until
        return ViewState(
            connection=connection,
            connection_words=self._connection_words(connection),
            main=self._main(),
            popup=self._popup(self._association, now) if isinstance(self._association, Unassociated) else None,
            confirmation=self._say("This lamp is yours") if confirmed else None,
            status=self._status(),
            dimmed=self._rest.dimmed(now),
        )

    @property
    def _connection(self) -> Connection:
        if not self._link_up:
            return Connection.NONE
        return Connection.CLOUD if self._bridge_up else Connection.LOCAL_ONLY

    def _feel(self, event: events.Touch, now: float) -> None:
        if self._rest.dimmed(now):
            self._machine = None  # who comes back comes for the lamp
        self._rest.stir(now)
        match event:
            case events.Touched():
                pass
            case events.ControlMoved(control, value):
                self._lamp.move(control, value)
            case events.ControlLetGo(control):
                self._lamp.let_go(control)
            case events.PowerPressed():
                self._lamp.switch()
            case events.StatusAsked():
                self._machine = (self._read_machine(), now) if self._machine is None else None
            case events.StatusLeft():
                self._machine = None
            case _:
                assert_never(event)

    def _change_link(self, up: bool) -> None:
        self._link_up = up
        # Whatever the bridge did meanwhile, we could not hear it; its state is retained and comes next.
        self._bridge_up = False
        # The association stays: a lamp without its network is still as owned as it was.
        if not up:
            self._lamp.lose_request()

    def _associate(self, association: Association | None, now: float) -> None:
        before, self._association = self._association, association
        self._confirmed_until = -inf
        claimed = isinstance(association, Associated) and isinstance(before, Unassociated)
        if claimed:
            self._confirmed_until = now + CONFIRMATION_SECONDS
        identified = self._identify.hear(before, association, now)
        if claimed or identified or _is_other_popup(before, association):
            # Nothing may hide this: not the dark, not a status page that somebody forgot.
            self._rest.stir(now)
            self._machine = None

    def _connection_words(self, connection: Connection) -> str:
        if connection is Connection.CLOUD:
            return self._say("Cloud connected")
        return self._say("The cloud is away") if connection is Connection.LOCAL_ONLY else self._say("No connection")

    def _main(self) -> LampScreen:
        lamp, say = self._lamp.shown, self._say
        return LampScreen(
            device_id=self._about.device_id,
            lamp=lamp,
            power_words=say("On") if lamp.on else say("Off"),
            control_words={
                Control.HUE: ControlWords(say("Hue"), hue_name(lamp.hue, say)),
                Control.SATURATION: ControlWords(say("Saturation"), percent(lamp.saturation, say)),
                Control.BRIGHTNESS: ControlWords(say("Brightness"), percent(lamp.brightness, say)),
            },
        )

    def _popup(self, unassociated: Unassociated, now: float) -> PopupState:
        say = self._say
        identified = self._identify.shown(now)
        # With a code in hand only one thing matters: can it be used now?
        cloud = self._connection is Connection.CLOUD
        scanned = scanned_address(unassociated.url, unassociated.code)
        return PopupState(
            title=say("This is the lamp") if identified else say("Associate your Lamp"),
            code_groups=tuple(grouped(unassociated.code[: unassociated.short_code_length]).split()),
            instruction=self._instruction(shown_address(unassociated.url), scanned is not None),
            connection_words=say("Cloud connected") if cloud else say("The cloud is away just now"),
            scanned_address=scanned,
            identified=identified,
        )

    def _instruction(self, address: str | None, scannable: bool) -> str:
        say = self._say
        if address is None and scannable:
            return say("Scan, or enter this code in your LAMPI account.")
        if address is None:
            return say("Enter this code in your LAMPI account to make this lamp yours.")
        # No full stop after an address: somebody would type it.
        words = (
            say("Scan, or enter this code at {address}")
            if scannable
            else say("Go to {address} and enter this code to make this lamp yours.")
        )
        return words.format(address=address)

    def _status(self) -> StatusPage | None:
        if self._machine is None:
            return None
        facts, read_at = self._machine
        heard = None if self._last_message_at is None else self._last_message_at - read_at
        return status_page(self._about, facts, News(self._link_up, self._bridge_up, heard), self._say)


def _is_other_popup(before: Association | None, association: Association | None) -> bool:
    """Tell whether the popup now says something else, apart from which lamp this is."""
    if not isinstance(association, Unassociated):
        return False
    return not isinstance(before, Unassociated) or replace(association, identify=before.identify) != before
