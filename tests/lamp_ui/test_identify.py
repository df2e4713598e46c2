"""The screen says which lamp this is: on request, for some seconds, and never for an old request."""

from dataclasses import replace

import pytest
from PIL import Image

from lamp_ui.core.events import AssociationChanged, StatusAsked
from lamp_ui.core.i18n import LANGUAGES, load_words
from lamp_ui.core.identify import LONGEST_SECONDS
from lamp_ui.core.presenter import Presenter
from lamp_ui.geometry import theme
from shared.protocol.payloads import Associated, Association, Unassociated
from tests.lamp_ui.conftest import CODE, OTHER_CODE, StartLamp, unassociated
from tests.support.presenting import DIM_AFTER, START, presenter_after
from tests.support.screen import CloudVoice, Touchscreen
from tests.support.waiting import wait_until

WAITING = Unassociated(CODE)
ASKED = Unassociated(CODE, identify="2026-11-23T12:00:08.000Z")
ASKED_AGAIN = replace(ASKED, identify="2026-11-23T12:00:20.000Z")


def presenter_with(*associations: Association | None) -> Presenter:
    return presenter_after(*map(AssociationChanged, associations))


def says_so(presenter: Presenter, now: float = START) -> bool:
    popup = presenter.view_state(now).popup
    assert popup is not None
    assert popup.identified is (popup.title == "Is this the lamp?")
    return popup.identified


def test_it_identifies_on_request_and_stops_with_the_message() -> None:
    assert not says_so(presenter_with(WAITING))
    assert says_so(presenter_with(WAITING, ASKED))
    assert not says_so(presenter_with(WAITING, ASKED, WAITING))
    assert says_so(presenter_with(WAITING, ASKED, WAITING, ASKED_AGAIN))
    assert says_so(presenter_with(Associated(), ASKED))


def test_it_stops_by_itself() -> None:
    presenter = presenter_with(WAITING, ASKED)
    end = START + LONGEST_SECONDS
    assert presenter.next_at(START) == end
    assert says_so(presenter, end - 0.001)
    assert not says_so(presenter, end)
    presenter.receive(AssociationChanged(ASKED), end)  # the same word once more, as after a lost connection
    assert not says_so(presenter, end)
    presenter.receive(AssociationChanged(ASKED_AGAIN), end)
    assert says_so(presenter, end)


@pytest.mark.parametrize("before", [[], [None], [ASKED, None], [WAITING, ASKED, WAITING]])
def test_what_was_asked_long_ago_is_not_answered(before: list[Association | None]) -> None:
    assert not says_so(presenter_with(*before, ASKED))


def test_a_new_code_meanwhile_takes_its_place_in_the_light() -> None:
    presenter = presenter_with(WAITING, ASKED, replace(ASKED, code=OTHER_CODE))
    assert says_so(presenter)
    popup = presenter.view_state(START).popup
    assert popup is not None
    assert popup.code_groups == ("5f0", "2c8")


def test_associated_meanwhile_is_confirmed_and_leaves_no_light_behind() -> None:
    presenter = presenter_with(WAITING, ASKED, Associated())
    state = presenter.view_state(START)
    assert (state.popup, state.confirmation) == (None, "This lamp is yours")
    presenter.receive(AssociationChanged(Unassociated(OTHER_CODE)), START)
    assert not says_so(presenter)


def test_being_asked_wakes_the_screen_and_the_end_does_not() -> None:
    presenter = presenter_with(WAITING)
    presenter.receive(StatusAsked(), START)
    dark = START + DIM_AFTER
    assert presenter.view_state(dark).dimmed
    presenter.receive(AssociationChanged(ASKED), dark)
    state = presenter.view_state(dark)
    assert (state.dimmed, state.status) == (False, None)
    later = dark + DIM_AFTER
    presenter.receive(AssociationChanged(WAITING), later)
    assert presenter.view_state(later).dimmed


def frame(picture: Image.Image) -> tuple[int, ...]:
    """Return the colour in the middle of the left edge."""
    colour = picture.getpixel((3, picture.height // 2))
    assert isinstance(colour, tuple)
    return colour


LIT = tuple(round(255 * part) for part in theme.GLOW[:3])
DARK = tuple(round(255 * part) for part in theme.CARD[:3])


@pytest.mark.parametrize("language", LANGUAGES)
def test_it_is_seen_on_the_screen_until_the_cloud_ends_it(
    start_lamp: StartLamp, cloud: CloudVoice, language: str
) -> None:
    cloud.say(unassociated())
    lamp = start_lamp(LAMPI_LANGUAGE=language, LAMPI_MOTION="off")
    lamp.wait_for_code(CODE[:6])
    assert frame(lamp.screen.grab()) == DARK
    cloud.say(unassociated(identify="once"))
    lamp.wait_for_text(load_words(language)("Is this the lamp?"))
    assert frame(lamp.screen.grab()) == LIT
    lamp.wait_for_code(CODE[:6])
    cloud.say(unassociated(OTHER_CODE))
    lamp.wait_for_code(OTHER_CODE[:6])
    assert frame(lamp.screen.grab()) == DARK


def brightness(lamp: Touchscreen) -> int:
    return sum(frame(lamp.screen.grab()))


def test_the_light_breathes_and_goes_by_itself(start_lamp: StartLamp, cloud: CloudVoice) -> None:
    cloud.say(unassociated())
    lamp = start_lamp()
    lamp.wait_for_code(CODE[:6])
    cloud.say(unassociated(identify="once"))
    for _ in range(2):
        wait_until(lambda: brightness(lamp) > 0.85 * sum(LIT), "full light")
        wait_until(lambda: sum(DARK) < brightness(lamp) < 0.5 * sum(LIT), "faint light")
    wait_until(lambda: frame(lamp.screen.grab()) == DARK, "the light to go", LONGEST_SECONDS + 5)
