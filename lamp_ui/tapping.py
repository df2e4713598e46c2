"""What a tap presses: it shows that it is pressed, acts on release inside, and a finger that slides off cancels it."""

from collections.abc import Callable
from typing import Any

from kivy.input.motionevent import MotionEvent
from kivy.properties import BooleanProperty
from kivy.uix.widget import Widget


class Tappable(Widget):
    """A place that takes a tap; subclasses draw it. Not "Button": Kivy styles whatever has that name."""

    pressed = BooleanProperty(False)
    live = BooleanProperty(True)

    def __init__(self, on_tap: Callable[[], None], **properties: Any) -> None:
        super().__init__(**properties)
        self._on_tap = on_tap
        self._touch: MotionEvent | None = None

    def hits(self, x: float, y: float) -> bool:
        """Tell whether a finger at a place is on it."""
        return bool(self.collide_point(x, y))

    def on_touch_down(self, touch: MotionEvent) -> bool:
        """Begin to be pressed."""
        if not self.live or not self.hits(*touch.pos):
            return False
        touch.grab(self)
        self._touch, self.pressed = touch, True
        return True

    def on_touch_move(self, touch: MotionEvent) -> bool:
        """Follow the finger: off it nothing is pressed, back on it it is again."""
        if touch.grab_current is not self:
            return False
        self.pressed = self.hits(*touch.pos)
        return True

    def on_touch_up(self, touch: MotionEvent) -> bool:
        """Act, where the finger is still on it."""
        if touch.grab_current is not self:
            return False
        hit = self.live and self.hits(*touch.pos)
        self.release()
        if hit:
            self._on_tap()
        return True

    def release(self) -> None:
        """Let the finger go without acting."""
        if self._touch is not None:
            self._touch.ungrab(self)
            self._touch = None
        self.pressed = False
