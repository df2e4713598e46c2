"""The real touchscreen program on a virtual screen."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from pathlib import Path
from types import TracebackType
from typing import Self

from PIL import Image, ImageGrab

from lamp_ui.core.lamp_control import Control
from lamp_ui.geometry import theme
from lamp_ui.geometry.layout import LABEL_ROW, place_main, place_popup, unit_of
from shared.protocol import topics
from tests.support.broker import Mosquitto
from tests.support.reading import colour_box, read_badge, read_code, read_hex, read_qr, read_text, read_value
from tests.support.waiting import DEADLINE_SECONDS, wait_until

ROOT = Path(__file__).parents[2]
LAMP_SIZE = "240x320"
START_SECONDS = 40.0
"""A first start on a busy machine that has not yet compiled Kivy's modules."""


class VirtualScreen:
    """An X server without hardware, of a size such as `240x320`, with a number of its own."""

    def __init__(self, size: str = LAMP_SIZE) -> None:
        self.size = size
        self.display = ""
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        reader, writer = os.pipe()
        with os.fdopen(reader) as told:
            # -noreset: else the server restarts, and loses requests, whenever its last client leaves.
            self._process = subprocess.Popen(
                ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{self.size}x24", "-nolisten", "tcp", "-noreset"],
                pass_fds=[writer],
                stderr=subprocess.DEVNULL,
            )
            os.close(writer)
            # A whole line: a server whose reader leaves after the digits dies of the line feed.
            number = told.readline().strip()
        if not number:
            raise AssertionError("Xvfb did not start")
        self.display = f":{number}"
        return self

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(DEADLINE_SECONDS)
            self._process = None

    def grab(self) -> Image.Image:
        """Return what is on the screen now."""
        return ImageGrab.grab(xdisplay=self.display).convert("RGB")

    def touch(self, x: int, y: int, button: int = 1) -> None:
        """Tap with a finger (a click of the mouse) on a pixel, counted from the upper left.

        Other ``button``s are a mouse's own: 3 is the right one, 4 and 5 are its wheel.
        """
        self._xdotool("mousemove", str(x), str(y), "click", str(button))

    def press(self, x: float, y: float) -> None:
        """Put a finger on a pixel, and leave it there."""
        self._xdotool("mousemove", str(round(x)), str(round(y)), "mousedown", "1")

    def slide(self, places: Sequence[tuple[float, float]], pause_seconds: float = 0.0) -> None:
        """Move the finger over pixels, with a pause after each."""
        steps = [("mousemove", str(round(x)), str(round(y)), "sleep", str(pause_seconds)) for x, y in places]
        self._xdotool(*chain.from_iterable(steps))

    def lift(self) -> None:
        """Take the finger off."""
        self._xdotool("mouseup", "1")

    def press_keys(self, *keys: str) -> None:
        """Press keys of a keyboard, one after the other, by their names in X."""
        self._xdotool("key", *keys)

    def resize(self, width: int, height: int) -> None:
        """Resize the window, as a desktop's window manager does."""
        self._xdotool("search", "--class", ".", "windowsize", str(width), str(height))

    def _xdotool(self, *steps: str) -> None:
        environment = os.environ | {"DISPLAY": self.display}
        subprocess.run(["xdotool", *steps], env=environment, check=True, timeout=DEADLINE_SECONDS)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Touchscreen:
    """The program `lampi-ui` as a process of its own, on a virtual screen of its own.

    ``folder`` gets Kivy's home and the program's log; ``settings`` are added to its environment, and
    a None among them takes one away. ``program`` is the module, and what comes before its options.
    """

    def __init__(
        self,
        folder: Path,
        broker: Mosquitto,
        device_id: str,
        size: str = LAMP_SIZE,
        settings: Mapping[str, str | None] | None = None,
        *,
        program: Sequence[str] = ("lamp_ui",),
    ) -> None:
        self.device_id = device_id
        self.screen = VirtualScreen(size)
        self._broker = broker
        self._folder = folder
        self._log = folder / "lampi-ui.log"
        self._settings = settings or {}
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def log(self) -> str:
        """Everything that the program has said on standard output and error."""
        return self._log.read_text(encoding="utf-8")

    def start(self, until: Callable[[], object] | None = None) -> Self:
        """Start it, and wait until its first frame is on the screen (or for what `until` says)."""
        self.screen.start()
        settings: dict[str, str | None] = {
            "DISPLAY": self.screen.display,
            "KIVY_HOME": str(self._folder / "kivy"),
            "LIBGL_ALWAYS_SOFTWARE": "1",
            "LAMPI_BROKER_URL": str(self._broker.url),
            "LAMPI_DEVICE_ID": self.device_id,
            "LAMPI_TOPIC_PREFIX": None,
            "LAMPI_LOG_LEVEL": "DEBUG",
            **self._settings,
        }
        environment = os.environ | {name: value for name, value in settings.items() if value is not None}
        for name in [name for name, value in settings.items() if value is None]:
            environment.pop(name, None)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self._program, "--size", self.screen.size],
                cwd=ROOT,
                env=environment,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self._ended() or (until or self._draws)(), "the touchscreen to come up", START_SECONDS)
        if self._ended():
            raise AssertionError(f"the touchscreen did not come up:\n{self.log}")
        return self

    def stop(self, end: signal.Signals = signal.SIGTERM) -> int:
        """End it as a supervisor does and return its exit status; safe to call again."""
        status = 0
        if self._process is not None:
            self._process.send_signal(end)
            try:
                status = self._process.wait(DEADLINE_SECONDS)
            finally:
                self._process.kill()
                self._process.wait()
                self._process = None
                self.screen.stop()
        return status

    def send(self, signal_number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(signal_number)

    def runs(self) -> bool:
        """Tell whether the program has been started and has not ended."""
        return self._process is not None and not self._ended()

    def code(self) -> str:
        """Return the code that a person reads off the screen now; empty where there is none."""
        return read_code(self.screen.grab())

    def text(self) -> str:
        """Return all words on the screen now."""
        return read_text(self.screen.grab())

    def qr(self) -> str:
        """Return what a phone reads off the screen's QR code; empty where there is none."""
        return read_qr(self.screen.grab())

    def value(self, control: Control) -> str:
        """Return what stands beside a slider's name: a colour's name, or per cent."""
        screen = self.screen.grab()
        width, height = screen.size
        slider = place_main(width, height).sliders[list(Control).index(control)]
        bottom = slider.top - LABEL_ROW * unit_of(width, height)
        label = (round(slider.x), round(height - slider.top), round(slider.right), round(height - bottom))
        return read_value(screen, label)

    def headline_ending(self) -> str:
        """Return the end of a nameless lamp's id as its main screen shows it; empty where that is covered."""
        screen = self.screen.grab()
        box = place_main(*screen.size).headline
        header = screen.crop((0, 0, round(box.right), round(screen.height - box.y)))
        return read_hex(header, theme.DEVICE_ID, tolerance=40, last=4)

    def badge(self) -> str:
        """Return the end of the lamp's id as the popup of a portrait screen shows it: dark on light while it is lit."""
        screen = self.screen.grab()
        box = place_popup(*screen.size, 2, 0).identity
        foot = screen.crop(
            (round(box.x), round(screen.height - box.top), round(box.right), round(screen.height - box.y))
        )
        if colour_box(foot, theme.GLOW) is None:
            return read_hex(foot, theme.DEVICE_ID, tolerance=40, last=4)
        return read_badge(foot)[-4:]

    def wait_for_code(self, code: str) -> None:
        """Wait until the screen shows a code, given without its spaces."""
        self._wait_for(self.code, code, f"the code {code}")

    def wait_for_main_screen(self) -> None:
        """Wait until the own screen of a lamp without a name can be seen, with no popup over it."""
        self._wait_for(self.headline_ending, self.device_id[-4:], "the main screen")

    def wait_for_value(self, control: Control, words: str) -> None:
        """Wait until a slider's value is written so."""
        self._wait_for(lambda: self.value(control), words, f"{words!r} beside {control.value}")

    def wait_for_text(self, words: str) -> None:
        """Wait until the screen says some words, whatever else it says."""
        wait_until(lambda: words in self.text(), f"{words!r} on the screen")

    def _wait_for(self, look: Callable[[], str], expected: str, what: str) -> None:
        seen = ""

        def found() -> bool:
            nonlocal seen
            seen = look()
            return seen == expected

        try:
            wait_until(found, what)
        except AssertionError as late:
            raise AssertionError(f"{late}; the last thing read was {seen!r}\n{self.log}") from None

    def _ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def _draws(self) -> bool:
        return self.screen.grab().getextrema() != ((0, 0), (0, 0), (0, 0))

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class CloudVoice:
    """What the cloud would say to one lamp, said straight to the lamp's broker."""

    def __init__(self, broker: Mosquitto, device_id: str, prefix: str | None = None) -> None:
        self._broker = broker
        self._device_id = device_id
        self.associated_topic = topics.associated(topics.lamp_prefix(device_id) if prefix is None else prefix)

    def say(self, payload: bytes) -> None:
        self._broker.publish(self.associated_topic, payload, qos=2, retain=True)

    def come_up(self) -> None:
        self._broker.publish(topics.provisioned_presence(self._device_id), b"1", retain=True)

    def go_away(self) -> None:
        self._broker.publish(topics.provisioned_presence(self._device_id), b"0", retain=True)
