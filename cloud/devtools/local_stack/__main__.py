"""`make run`: runs the local development stack until Ctrl-C."""

import os
import queue
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import click

from cloud.db.database import open_database
from cloud.db.schema import upgrade
from cloud.db.url import sqlite_url
from cloud.devtools import simulator
from cloud.devtools.local_stack.stack import DATABASE, LocalStack
from cloud.errors import BadUserName, UserError
from cloud.services import claiming
from shared.logs import start_logging
from shared.mqtt.broker_url import BrokerUrl
from shared.mqtt.client import MqttClient
from shared.mqtt.messages import Message, Subscription
from shared.protocol import payloads, topics
from shared.protocol.device_id import read_device_id
from shared.protocol.payloads import Association, Unassociated
from shared.terminal import escape_unshowable

FOLDER = Path(".desk")
DATABASE_URL = sqlite_url(FOLDER / DATABASE)
"""Relative to the project folder, where the user types commands."""

DEVICE_ID = "b827ebba0387"
USER = "you"
SIZE = "240x320"
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Screen:
    """The stack's lamp: the touchscreen in a window if there is a display, else drawn in the terminal."""

    def __init__(self, stack: LocalStack, device_id: str, *, window: bool) -> None:
        self._stack = stack
        self._device_id = device_id
        self._window = window
        self._process: subprocess.Popen[bytes] | None = None
        broker = BrokerUrl("127.0.0.1", stack.port)
        self._lamp: simulator.SimulatedLamp | MqttClient
        if window:
            topic = topics.associated(topics.lamp_prefix(device_id))
            self._lamp = MqttClient(broker, "local-stack", subscriptions=[Subscription(topic, 2, self._receive)])
        else:
            self._lamp = simulator.SimulatedLamp(device_id, broker, self._show)

    def start(self) -> None:
        """Start the lamp and print its state."""
        if self._window:
            environment = os.environ | {
                "LAMPI_BROKER_URL": f"mqtt://127.0.0.1:{self._stack.lamp_port}",
                "LAMPI_DEVICE_ID": self._device_id,
            }
            log = (self._stack.folder / "lamp.log").open("wb")
            command = [sys.executable, "-m", "lamp_ui", "--size", SIZE]
            self._process = subprocess.Popen(command, env=environment, stderr=log, start_new_session=True)
        self._lamp.start()

    def stop(self) -> None:
        self._lamp.stop()
        if self._process is not None:
            self._process.terminate()
            self._process.wait()

    def gone(self) -> bool:
        """Return whether the window was closed or failed to start."""
        return self._process is not None and self._process.poll() is not None

    def _receive(self, message: Message) -> None:
        self._show(self._device_id, payloads.decode_association(message.payload))

    def _show(self, device_id: str, shown: Association | None) -> None:
        if not self._window:
            click.echo(simulator.popup(device_id, shown))
        if isinstance(shown, Unassociated):
            short = shown.code[: shown.short_code_length]
            click.echo(
                f"\nThe lamp {device_id} shows the code {short}. To associate it, open\n"
                f"\n    {self._stack.web_url}/associate?code={short}\n\nor run in another terminal:\n"
                f"\n    {_command('associate', short, '--user', USER)}\n"
            )
        elif shown is not None:
            click.echo(
                f"\nThe lamp {device_id} is associated. To release it, run:\n\n    {_command('release', device_id)}\n"
            )


def _command(*words: str) -> str:
    program = Path(sys.executable).with_name("lampi-cloud")
    if program.is_relative_to(Path.cwd()):
        program = program.relative_to(Path.cwd())
    return shlex.join([str(program), *words, "--database-url", DATABASE_URL])


def _prepare_database(url: str) -> None:
    database = open_database(url, create=True)
    upgrade(database)
    try:
        claiming.add_user(USER)
    except BadUserName:  # it was created by an earlier run
        pass
    finally:
        database.close()


class Signals:
    """Waits for a stop signal or the exit of a child process.

    Uses handlers and a queue instead of blocked signals with `sigwait`: children would inherit the block, and
    supervisord would not receive its TERM.
    """

    def __init__(self) -> None:
        self._arrived: queue.SimpleQueue[int] = queue.SimpleQueue()
        for number in (*STOP_SIGNALS, signal.SIGCHLD):
            signal.signal(number, self._note)

    def wait_for_end(self, has_ended: Callable[[], bool]) -> None:
        """Return on a stop signal, or when a child has exited and ``has_ended`` returns True."""
        while self._arrived.get() not in STOP_SIGNALS and not has_ended():
            pass

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self._arrived.put(number)


def run() -> None:
    """Run the stack until Ctrl-C or until the lamp's window is closed."""
    signals = Signals()
    device_id = read_device_id(os.environ.get("LAMPI_DEVICE_ID", DEVICE_ID))
    window = bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    stack = LocalStack(FOLDER, device_id, lamp_broker=window)
    stack.take()
    _prepare_database(DATABASE_URL)
    screen = Screen(stack, device_id, window=window)
    try:
        stack.start()
        where = "in the window" if window else "below (no display found)"
        click.echo(f"Broker mqtt://127.0.0.1:{stack.port}, database {DATABASE_URL}, logs in {FOLDER}/.")
        click.echo(f"Web page: {stack.web_url}/")
        click.echo(f"The lamp {device_id} is shown {where}. Press Ctrl-C to stop.\n")
        screen.start()
        signals.wait_for_end(lambda: screen.gone() or stack.gone())
    finally:
        screen.stop()
        stack.stop()
    click.echo(f"Stopped; {FOLDER}/ keeps the state for the next run.")


def main() -> None:
    """Run the stack; errors are printed in one line."""
    escape_unshowable()
    start_logging("WARNING")
    try:
        run()
    except (UserError, ValueError) as fault:
        click.echo(f"Error: {fault}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
