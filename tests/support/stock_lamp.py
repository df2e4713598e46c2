"""A whole stock lamp: its Mosquitto with the bridge of the LAMPI course, its touchscreen and its service."""

from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.broker import Mosquitto
from tests.support.lamp_service import LampService
from tests.support.ports import free_port
from tests.support.proxy import TcpProxy
from tests.support.stock_screen import StockTouchscreen

_BRIDGE = """
connection {device_id}_broker
address 127.0.0.1:{cloud_port}
remote_clientid {device_id}_broker
bridge_protocol_version mqttv311
cleansession false
notifications true
try_private true
restart_timeout 1
topic lamp/associated in 2 "" devices/{device_id}/
topic lamp/set_config in 1 "" devices/{device_id}/
topic lamp/changed out 1 "" devices/{device_id}/
topic lamp/connection/+/state out 2 "" devices/{device_id}/
"""


class StockLamp:
    """A lamp that can be switched off and on, and lose its network; at first it is off."""

    def __init__(self, folder: Path, device_id: str, cloud_port: int) -> None:
        self.device_id = device_id
        self._network = TcpProxy(cloud_port)
        self._folder = folder
        self._port = free_port()
        self.screen = StockTouchscreen(self._port)
        self.service = LampService(self._port, "")
        self._broker: Mosquitto | None = None

    def switch_on(self) -> None:
        """Start its broker, which knows what it retained, and then the programs."""
        if self._broker is None:
            bridge = _BRIDGE.format(device_id=self.device_id, cloud_port=self._network.port)
            listener = f"listener {self._port} 127.0.0.1\nallow_anonymous true\n"
            self._broker = Mosquitto(self._folder, self._port, listener + bridge)
        self._broker.start()
        self.service.start()
        self.screen.start()

    def switch_off(self) -> None:
        """End everything in good order, as `shutdown` does."""
        self.screen.stop()
        self.service.stop()
        if self._broker is not None:
            self._broker.stop()

    def lose_network(self) -> None:
        """Cut the bridge off from the cloud; the lamp goes on."""
        self._network.refuses = True
        self._network.cut()

    def find_network(self) -> None:
        self._network.flow()

    def __enter__(self) -> Self:
        self._network.start()
        self.switch_on()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.switch_off()
        self._network.stop()
