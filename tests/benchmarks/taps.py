"""From a tap on the page until the lamp, behind a real bridge, receives `set_config`.

A tap is the page's own request over HTTP, sent by a browser without a screen; the page is open, so the lamp is watched.
Beside it a bare `mosquitto_pub` with the same message through the same bridge, as in `latency`.
"""

import random
import subprocess
import threading
import time

from cloud.db.timestamps import utc_now
from cloud.services.claiming import add_user, associate_by_device_id, user_named
from tests.benchmarks.contenders import percentile
from tests.benchmarks.latency import LAMP
from tests.benchmarks.stage import PATIENCE_SECONDS, Stage, opened
from tests.benchmarks.table import Row
from tests.support.bridge import CloudBroker, lamp_broker
from tests.support.broker import Ear
from tests.support.browsing import Client, cookie_for
from tests.support.cloud import Cloud
from tests.support.loop import associated
from tests.support.web import WebProcess

MOST_TIMES = 5.0
SET_CONFIG = f"devices/{LAMP}/lamp/set_config"
MESSAGE = '{"on": true, "client": "cloud"}'
PAGE = f"/lamps/{LAMP}"


def taps(stage: Stage, kind: str, times: int) -> list[Row]:
    """Measure so many taps."""
    url = stage.database(kind)
    broker = CloudBroker(stage.new_folder())
    at_lamp = lamp_broker(stage.new_folder(), LAMP, broker)
    cloud = Cloud(stage.new_folder(), broker.port, url)
    with broker, cloud.daemon(), at_lamp, WebProcess(cloud) as web:
        with Ear(at_lamp.port, associated(LAMP)) as screen, opened(url):
            screen.next(PATIENCE_SECONDS)  # its code
            add_user("ada")
            associate_by_device_id(LAMP, user_named("ada"), utc_now(), "benchmark")
        with Ear(at_lamp.port, SET_CONFIG) as ear:
            ours, bare = _taken(Client(web.url, cookie_for(cloud)), broker, ear, times)
    rows = []
    for name, percent in (("median", 50), ("99th percentile", 99)):
        one, other = percentile(ours, percent), percentile(bare, percent)
        beside = f"mosquitto_pub {1000 * other:.1f} ms, ratio {one / other:.2f}"
        asked, reached = (f"ratio <= {MOST_TIMES:.0f}", one / other <= MOST_TIMES) if percent == 50 else ("", None)
        rows.append(Row(f"tap, {kind}", f"{name} of {times}", f"{1000 * one:.1f} ms", beside, asked, reached))
    return rows


def _taken(client: Client, broker: CloudBroker, ear: Ear, times: int) -> tuple[list[float], list[float]]:
    """Return how long each took, in seconds; the first of each, which opens connections, doesn't count."""
    ours, bare = [], []
    pause = threading.Event()
    for _ in range(times + 1):
        token = client.token(PAGE)  # and the lamp is watched
        pause.wait(random.uniform(0.05, 0.15))
        began = time.monotonic()
        client.post(PAGE, on="true", csrf_token=token)
        ours.append(_heard_at(ear) - began)
        pause.wait(random.uniform(0.05, 0.15))
        command = ["mosquitto_pub", "-p", str(broker.port), "-q", "2", "-t", SET_CONFIG, "-m", MESSAGE]
        began = time.monotonic()
        with subprocess.Popen(command):
            bare.append(_heard_at(ear) - began)
    return ours[1:], bare[1:]


def _heard_at(ear: Ear) -> float:
    ear.next(PATIENCE_SECONDS)
    return time.monotonic()
