"""New lamps that connect one after the other: how long each waits for its code."""

import threading
import time
from collections.abc import Callable, Iterable

from tests.benchmarks.stage import PATIENCE_SECONDS, device_id, presence
from tests.benchmarks.wire import Wire
from tests.support.broker import Ear
from tests.support.loop import associated

EACH_SECONDS = 0.1


def waits(ear: Ear, wire: Wire, numbers: Iterable[int], goes_on: Callable[[], bool] = lambda: True) -> list[float]:
    """Return each lamp's seconds; one comes a tenth of a second after the one before it, or once that has its code.

    The ear may hear what other lamps are told, too. It ends with the numbers, or when it does not go on.
    """
    delays: list[float] = []
    pause = threading.Event()
    for number in numbers:
        sent = time.monotonic()
        wire.send(presence([number])[0])
        while ear.next(PATIENCE_SECONDS).topic != associated(device_id(number)):
            pass
        delays.append(time.monotonic() - sent)
        if not goes_on():
            break
        pause.wait(max(EACH_SECONDS - delays[-1], 0))
    return delays
