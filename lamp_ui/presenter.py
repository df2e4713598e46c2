"""What the screen says: from what happened to one view state. Knows neither Kivy nor MQTT; time is an argument."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from typing import assert_never

from lamp_ui import events
from lamp_ui.code_life import CodeLife
from lamp_ui.identify import Identify
from lamp_ui.lamp import Control, Knowledge, LampControl
from lamp_ui.names import plain
from lamp_ui.popup import CodeUse, popup_state
from lamp_ui.rest import Rest
from lamp_ui.status import About, MachineFacts, News, status_page, trouble_words
from lamp_ui.view_state import Connection, ControlWords, LampScreen, PopupState, StatusPage, ViewState
from lamp_ui.words import Say, hue_name, percent
from shared.payloads import Associated, Association, LampConfig, Unassociated
from shared.trouble import Trouble

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
        self._trouble: Trouble | None = None
        self._bridge_up = False
        self._association: Association | None = None
        self._lamp = LampControl()
        self._code_life = CodeLife()
        self._rest = Rest(surroundings.dim_after_seconds, now)
        self._confirmed_until = -inf
        self._identify = Identify()
        self._last_message_at: float | None = None
        self._machine: tuple[MachineFacts, float] | None = None

    def receive(self, event: events.Event, now: float) -> None:
        """Take note of what happened."""
        usable_before = self._code_is_usable(now)
        match event:
            case events.LinkChanged(up):
                self._change_link(up)
            case events.LinkTroubled(trouble):
                self._trouble = trouble
            case events.BridgeChanged(up):
                self._bridge_up = up
                if up:
                    self._code_life.connect()  # what the cloud retains comes now, however old it is
                self._last_message_at = now
            case events.AssociationChanged(association):
                self._associate(association, now)
                self._last_message_at = now
            case events.LampChanged(config):
                self._lamp.hear(config, now)
                self._last_message_at = now
            case events.RequestLost():
                self._lamp.fail()
            case _:
                self._feel(event, now)
        if usable_before and not self._code_is_usable(now):
            self._rest.stir(now)  # the screen was awake for the code alone, and does not go dark at once

    def take_request(self, now: float) -> LampConfig | None:
        """Return what to ask of the lamp now, or None."""
        return self._lamp.take_request(now) if self._link_up else None

    def next_at(self, now: float) -> float:
        """Return when time alone will change something; infinity for never."""
        confirmed = self._confirmed_until if self._confirmed_until > now else inf
        code = self._code_life.next_at(now)
        return min(confirmed, code, self._rest.next_at(now), self._identify.next_at(now), self._lamp.next_at(now))

    def view_state(self, now: float) -> ViewState:
        """Return what the screen is to show at an instant."""
        self._lamp.settle(now)
        connection = self._connection
        confirmed = now < self._confirmed_until
        return ViewState(
            connection=connection,
            connection_words=self._connection_words(connection),
            main=self._main(now),
            popup=self._popup(self._association, now) if isinstance(self._association, Unassociated) else None,
            confirmation=self._say("This lamp is yours") if confirmed else None,
            status=self._status(now),
            dimmed=self._rest.dimmed(now) and not self._code_is_usable(now),
        )

    @property
    def _connection(self) -> Connection:
        if not self._link_up or self._trouble is not None:
            return Connection.NONE
        return Connection.CLOUD if self._bridge_up else Connection.LOCAL_ONLY

    def _code_is_usable(self, now: float) -> bool:
        waits = isinstance(self._association, Unassociated)
        return waits and self._connection is Connection.CLOUD and not self._code_life.lapsed(now)

    def _feel(self, event: events.Touch, now: float) -> None:
        if self._rest.dimmed(now):
            self._machine = None  # who comes back comes for the lamp
        self._rest.stir(now)
        match event:
            case events.Touched():
                pass
            case events.FingerHeld(held):
                self._rest.hold(held)
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
        # Whatever bridge and lamp did meanwhile, we could not hear it; their states are retained and come next.
        self._bridge_up = False
        self._lamp = LampControl()
        self._code_life.connect()
        # The association stays: a lamp without its network is still as owned as it was.

    def _associate(self, association: Association | None, now: float) -> None:
        before, self._association = self._association, association
        self._confirmed_until = -inf
        claimed = isinstance(association, Associated) and isinstance(before, Unassociated)
        if claimed:
            self._confirmed_until = now + CONFIRMATION_SECONDS
        self._code_life.hear(association, now)
        identified = self._identify.hear(before, association, now)
        if claimed or identified or _is_other_popup(before, association):
            # Nothing may hide this: not the dark, not a status page that was left open.
            self._rest.stir(now)
            self._machine = None

    def _connection_words(self, connection: Connection) -> str:
        say = self._say
        if connection is Connection.CLOUD:
            return say("Cloud connected")
        return say("Waiting for the cloud") if connection is Connection.LOCAL_ONLY else say("No connection")

    def _main(self, now: float) -> LampScreen:
        lamp, say = self._lamp.shown, self._say
        name = plain(self._association.name or "") if isinstance(self._association, Associated) else ""
        unnamed = f"LAMPI {self._about.device_id[-4:]}"
        power = {None: say("Unknown"), True: say("On"), False: say("Off")}
        hue = "" if lamp.hue is None else hue_name(lamp.hue, say)
        saturation, brightness = ("" if at is None else percent(at, say) for at in (lamp.saturation, lamp.brightness))
        return LampScreen(
            headline=name or unnamed,
            unnamed=unnamed,
            named=bool(name),
            lamp=lamp,
            knowledge=self._lamp.knowledge(now),
            power_words=power[lamp.on],
            notice=self._notice(now),
            control_words={
                Control.HUE: ControlWords(say("Hue"), hue),
                Control.SATURATION: ControlWords(say("Saturation"), saturation),
                Control.BRIGHTNESS: ControlWords(say("Brightness"), brightness),
            },
        )

    def _notice(self, now: float) -> str:
        """Return the one sentence on the lamp's own screen: what is missing, or under way."""
        say = self._say
        if self._trouble is not None:
            return trouble_words(self._trouble, say)
        if not self._link_up:
            return say("Not connected to the lamp's own broker. It is tried every few seconds.")
        unheard = self._association is None and self._bridge_up
        return {
            Knowledge.UNKNOWN: say("The lamp's service has not reported yet."),
            Knowledge.PENDING: say("Waiting for the lamp…"),
            Knowledge.UNANSWERED: say("The lamp did not answer. This is what it last reported."),
            Knowledge.KNOWN: say("The cloud has not said yet whose lamp this is.") if unheard else "",
        }[self._lamp.knowledge(now)]

    def _popup(self, unassociated: Unassociated, now: float) -> PopupState:
        life = self._code_life
        use = CodeUse(self._connection is Connection.CLOUD, life.lapsed(now), life.seconds_left(now))
        return popup_state(unassociated, self._about.device_id, use, self._identify.shown(now), self._say)

    def _status(self, now: float) -> StatusPage | None:
        if self._machine is None or self._rest.dimmed(now):  # also where the screen stays awake for the code below it
            return None
        facts, read_at = self._machine
        heard = None if self._last_message_at is None else self._last_message_at - read_at
        lamp, association_heard = self._lamp.knowledge(now), self._association is not None
        news = News(self._link_up, self._bridge_up, heard, lamp, association_heard, self._trouble)
        return status_page(self._about, facts, news, self._say)


def _is_other_popup(before: Association | None, association: Association | None) -> bool:
    """Tell whether the popup now says something else, apart from which lamp this is."""
    if not isinstance(association, Unassociated):
        return False
    return not isinstance(before, Unassociated) or replace(association, identify=before.identify) != before
