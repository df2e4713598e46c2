"""`lampi-cloud simulate`."""

import signal

import click

from cloud.cli.options import BROKER, DeviceId, setting_options, settings_from
from cloud.devtools import simulator
from shared.logs import start_logging
from shared.protocol.device_id import own_device_id
from shared.protocol.payloads import Association

_STOP_SIGNALS = {signal.SIGINT, signal.SIGTERM}
_DEVICE_IDS = 16**12


@click.command()
@click.option("--count", type=click.IntRange(1, 1000), default=1, show_default=True, help="Number of lamps.")
@click.option(
    "--device-id",
    type=DeviceId(),
    envvar="LAMPI_DEVICE_ID",
    help="Device id of the first lamp; the others count up from it. Default: this machine's.  [LAMPI_DEVICE_ID]",
)
@setting_options(*BROKER)
@setting_options("log_level")
def simulate(count: int, device_id: str | None, **options: str | None) -> None:
    """Simulate lamps: connect, show their codes and follow their state until Ctrl-C."""
    settings = settings_from(**options)
    start_logging(settings.log_level)
    draw = simulator.popup if count == 1 else simulator.one_line

    def show(shown_id: str, association: Association | None) -> None:
        click.echo(draw(shown_id, association))

    # Blocked before paho's threads start, so that they inherit the mask and the signal waits for sigwait().
    signal.pthread_sigmask(signal.SIG_BLOCK, _STOP_SIGNALS)
    first = int(device_id or own_device_id(), 16)
    lamps = [
        simulator.SimulatedLamp(f"{(first + step) % _DEVICE_IDS:012x}", settings.broker, show) for step in range(count)
    ]
    for lamp in lamps:
        lamp.start()
    signal.sigwait(_STOP_SIGNALS)
    for lamp in lamps:
        lamp.stop()
