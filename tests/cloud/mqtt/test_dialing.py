"""Connecting to the broker: what is wrong is named, and no exception escapes."""

from pathlib import Path

import pytest

from cloud.mqtt.dialing import Unreachable, dial
from cloud.mqtt.packets import MQTT_5, Login
from shared.mqtt.broker_url import BrokerUrl
from tests.shared.mqtt.test_tls import TlsBroker

LOGIN = Login("a-client", 60)


@pytest.mark.parametrize("which", ["ca", "certificate", "key"])
def test_a_tls_file_that_has_gone_since_the_start_is_named(tmp_path: Path, which: str) -> None:
    """A standby reads its files again when it takes over, months later."""
    tls = TlsBroker(tmp_path)
    with tls.started(tls.good_server(), wants=True) as broker:
        url = BrokerUrl("localhost", broker.port, tls=True, tls_files=tls.files)
        connection, _ = dial(url, LOGIN, [MQTT_5], 20)
        connection.close()
        getattr(tls.files, which).unlink()
        with pytest.raises(Unreachable, match=rf"the file of LAMPI_BROKER_{which.upper()} can't be read"):
            dial(url, LOGIN, [MQTT_5], 20)
