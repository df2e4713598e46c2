"""A widget for taps: it shows that it is pressed, acts on release inside it, and is cancelled by sliding off."""

from collections.abc import Callable
from typing import Any

from kivy.input.motionevent import MotionEvent
from kivy.properties import BooleanProperty
from kivy.uix.widget import Widget


class Tappable(Widget):
    """A tappable area; subclasses draw it. Not named "Button": Kivy applies its own style to that name."""

    pressed = BooleanProperty(False)
    live = BooleanProperty(True)

    def __init__(self, on_tap: Callable[[], None], **properties: Any) -> None:
        super().__init__(**properties)
        self._on_tap = on_tap
        self._touch: MotionEvent | None = None

    def hits(self, x: float, y: float) -> bool:
        """Return whether a point is on it."""
        return bool(self.collide_point(x, y))

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Show that it is pressed."""
        if not self.live or not self.hits(*touch.pos):
            return False
        self.release()
        touch.grab(self)
        self._touch, self.pressed = touch, True
        return True

    def on_touch_move(self, touch: MotionEvent) -> bool:
        """Follow the finger: it is pressed only while the finger is on it."""
        if touch.grab_current is not self:
            return False
        self.pressed = self.hits(*touch.pos)
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        """Act if the finger is still on it."""
        if touch.grab_current is not self:
            return False
        hit = self.live and self.hits(*touch.pos)
        self.release()
        if hit:
            self._on_tap()
        return True

    def release(self) -> None:
        """End the touch without acting."""
        if self._touch is not None:
            self._touch.ungrab(self)
            self._touch = None
        self.pressed = False
