"""Computes the view state from the events so far. Knows neither Kivy nor MQTT; time is an argument."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from math import inf
from typing import assert_never

from lamp_ui.core import events
from lamp_ui.core.code_lifetime import CodeLifetime
from lamp_ui.core.i18n import Say
from lamp_ui.core.identify import Identify
from lamp_ui.core.idle_dimming import IdleDimming
from lamp_ui.core.lamp_control import Knowledge, Lamp, LampControl
from lamp_ui.core.lamp_screen import connection_words, lamp_screen
from lamp_ui.core.link_state import LinkState
from lamp_ui.core.popup import popup_state
from lamp_ui.core.reset_dialog import ResetDialog
from lamp_ui.core.status_page import About, Known, MachineFacts, status_page
from lamp_ui.core.view_state import PopupState, Reach, ResetPage, StatusPage, ViewState
from shared.protocol.payloads import Associated, Association, LampConfig, Unassociated
from shared.protocol.reset import Reset, ResetRequest, ResetStage

CONFIRMATION_SECONDS = 2.0


@dataclass(frozen=True)
class Environment:
    """What the presenter needs from outside.

    ``say`` translates from English; ``read_machine`` is called each time the status page opens; the screen dims
    ``dim_after_seconds`` after the last touch, or never if 0.
    """

    about: About
    say: Say = field(repr=False)
    read_machine: Callable[[], MachineFacts] = field(repr=False)
    dim_after_seconds: float


class Presenter:
    """Keeps what is known about the lamp, from one event to the next.

    Every ``now`` is in seconds of one monotonic clock.
    """

    def __init__(self, environment: Environment, now: float) -> None:
        self._about = environment.about
        self._say = environment.say
        self._read_machine = environment.read_machine
        self._link = LinkState()
        self._association: Association | None = None
        self._lamp = LampControl()
        self._code_life = CodeLifetime()
        self._dimming = IdleDimming(environment.dim_after_seconds, now)
        self._confirmed_until = -inf
        self._identify = Identify()
        self._last_message_at: float | None = None
        self._reset = ResetDialog()
        self._machine: tuple[MachineFacts, float] | None = None

    def receive(self, event: events.Event, now: float) -> None:
        """Process an event."""
        usable_before = self._code_is_usable(now)
        match event:
            case events.LinkChanged(up):
                self._change_link(up)
            case events.LinkTroubled(trouble):
                self._link = replace(self._link, trouble=trouble)
                if trouble is not None:
                    self._lamp.cancel()
            case events.BridgeChanged(up, provisioned):
                self._link = replace(self._link, bridge_up=up, provisioned=provisioned)
                if up:
                    self._code_life.connect()  # the cloud's retained message comes next, however old it is
                self._last_message_at = now
            case events.AssociationChanged(association):
                self._associate(association, now)
                self._last_message_at = now
            case events.LampChanged(config):
                self._lamp.receive(config, now)
                self._last_message_at = now
            case events.RequestLost():
                self._lamp.fail()
            case _:
                self._touch(event, now)
        if usable_before and not self._code_is_usable(now):
            self._dimming.wake(now)  # only the code kept the screen awake; don't dim it at once

    def take_request(self, now: float) -> LampConfig | None:
        """Return the request to send to the lamp now, or None."""
        return self._lamp.take_request(now) if self._link.usable else None

    def take_reset_request(self, now: float) -> ResetRequest | None:
        """Return the request for a reset to send to the cloud now, or None."""
        return self._reset.take_request(now)

    def take_withdrawal(self) -> bool:
        """Return True once after a request was given up, which must not take effect later."""
        return self._lamp.take_withdrawal()

    def next_at(self, now: float) -> float:
        """Return when time alone will change something; infinity for never."""
        confirmed = self._confirmed_until if self._confirmed_until > now else inf
        code = self._code_life.next_at(now)
        parts = self._dimming, self._identify, self._lamp, self._reset
        return min(confirmed, code, *(part.next_at(now) for part in parts))

    def view_state(self, now: float) -> ViewState:
        """Return what the screen shows now."""
        self._lamp.settle(now)
        link, say = self._link, self._say
        lamp = self._lamp.shown if link.usable else Lamp()
        confirmed = now < self._confirmed_until
        return ViewState(
            connection=link.connection,
            connection_words=connection_words(link.connection, say),
            main=lamp_screen(
                self._about.device_id, lamp, self._knowledge(now), association=self._association, link=link, say=say
            ),
            popup=self._popup(self._association, now) if isinstance(self._association, Unassociated) else None,
            confirmation=say("This lamp is yours") if confirmed else None,
            status=self._status(now),
            reset=self._reset_page(now),
            dimmed=self._dimming.dimmed(now) and not self._code_is_usable(now),
        )

    def _knowledge(self, now: float) -> Knowledge:
        return self._lamp.knowledge(now) if self._link.usable else Knowledge.UNKNOWN

    def _code_is_usable(self, now: float) -> bool:
        is_unclaimed = isinstance(self._association, Unassociated)
        return is_unclaimed and self._link.connection is Reach.CLOUD and not self._code_life.expired(now)

    def _touch(self, event: events.TouchEvent, now: float) -> None:
        if self._dimming.dimmed(now):
            self._leave_status()  # a user who wakes the screen expects the lamp's own screen
        self._dimming.wake(now)
        match event:
            case events.Touched():
                pass
            case events.FingerHeld(held):
                self._dimming.hold(held)
            case events.ControlMoved(control, value):
                if self._link.usable:
                    self._lamp.move(control, value)
            case events.ControlLetGo(control):
                self._lamp.let_go(control)
            case events.PowerPressed():
                if self._link.usable:
                    self._lamp.switch()
            case _:
                self._touch_pages(event, now)

    def _touch_pages(self, event: events.PageEvent, now: float) -> None:
        match event:
            case events.StatusAsked():
                if self._machine is None:
                    self._machine = self._read_machine(), now
                else:
                    self._leave_status()
            case events.StatusLeft():
                self._leave_status()
            case events.ResetHeld():
                if self._may_ask_reset:
                    self._reset.open(now)
            case events.ResetConfirmed():
                self._reset.confirm(now)
            case events.ResetLeft():
                self._reset.close()
            case _:
                assert_never(event)

    def _change_link(self, up: bool) -> None:
        # The states of bridge and lamp may have changed meanwhile; they are retained and come next.
        self._link = LinkState(up, trouble=self._link.trouble)
        self._lamp = LampControl()
        self._code_life.connect()
        # The association stays: it does not depend on the lamp's network.

    def _associate(self, association: Association | None, now: float) -> None:
        before, self._association = self._association, association
        self._confirmed_until = -inf
        claimed = isinstance(association, Associated) and isinstance(before, Unassociated)
        if claimed:
            self._confirmed_until = now + CONFIRMATION_SECONDS
        self._code_life.receive(association, now)
        self._reset.receive(self._reset_answer)
        identified = self._identify.receive(before, association, now)
        if claimed or identified or _is_other_popup(before, association):
            # Neither a dimmed screen nor an open status page may hide this.
            self._dimming.wake(now)
            self._leave_status()

    def _leave_status(self) -> None:
        self._machine = None
        self._reset.close()

    def _popup(self, unassociated: Unassociated, now: float) -> PopupState:
        return popup_state(
            unassociated,
            self._about.device_id,
            self._code_life.at(now),
            link=self._link,
            identified=self._identify.shown(now),
            say=self._say,
        )

    def _status(self, now: float) -> StatusPage | None:
        if self._machine is None or self._dimming.dimmed(now):  # also if the code below keeps the screen awake
            return None
        facts, read_at = self._machine
        received = None if self._last_message_at is None else self._last_message_at - read_at
        known = Known(
            self._link,
            received,
            self._knowledge(now),
            owner_known=self._association is not None,
            code_expired=self._code_life.expired(now),
            may_ask_reset=self._may_ask_reset,
            reset=self._reset_answer,
        )
        return status_page(self._about, facts, known, self._say)

    def _reset_page(self, now: float) -> ResetPage | None:
        if self._machine is None or self._dimming.dimmed(now):
            return None
        facts, _ = self._machine
        return self._reset.page(now, facts.clock.tzinfo, self._say)

    @property
    def _reset_answer(self) -> Reset | None:
        return self._association.reset if isinstance(self._association, Associated) else None

    @property
    def _may_ask_reset(self) -> bool:
        answer = self._reset_answer
        reaches = self._link.connection is Reach.CLOUD and self._link.provisioned
        is_free = answer is None or answer.stage is ResetStage.OFFERED
        return reaches and is_free and isinstance(self._association, Associated)


def _is_other_popup(before: Association | None, association: Association | None) -> bool:
    """Return whether the popup's content changed, apart from `identify`."""
    if not isinstance(association, Unassociated):
        return False
    return not isinstance(before, Unassociated) or replace(association, identify=before.identify) != before
