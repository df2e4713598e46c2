"""Stock treatment without a daemon: what bridges say, what the broker gets and accepts, and popups that reopen."""

from datetime import timedelta

from cloud.daemon.presence import PresenceBatch
from cloud.daemon.stock_screens import StockTreatment
from cloud.rate_limit.policy import CodePolicy, StockScreens
from cloud.services.stock_screens import REOPEN_AFTER
from cloud.store.lamps import Lampi
from shared.protocol.payloads import Unassociated, decode_association
from tests.cloud.conftest import NOW
from tests.support.replay import confirm_all, enqueued, topic

LAMP, OTHER, THIRD = "b827ebba0387", "b827ebba0388", "b827ebba0389"
WITHDRAWN = b'{"associated": true, "withdrawn": true}'
MONTH = timedelta(days=30)
POLICY = CodePolicy(shortest=7, risk=1.0)


def heard(
    *device_ids: str,
    stock: bool = True,
    up: bool = True,
    settled: bool = True,
    screens: StockScreens = StockScreens.AUTO,
) -> list[str]:
    batch = PresenceBatch(screens)
    for device_id in device_ids:
        batch.add(device_id, up, stock)
    return batch.register(NOW, is_live=settled, is_settled=settled)


def said(device_id: str) -> bytes | None:
    """Return what is to be published for a lamp, and have the broker accept it."""
    payload = enqueued().get(topic(device_id))
    confirm_all()
    return payload


def code_said(device_id: str) -> str:
    payload = said(device_id)
    assert payload is not None
    association = decode_association(payload)
    lampi = Lampi.named(device_id)
    assert association == Unassociated(lampi.association_code)  # six characters that never expire
    return str(lampi.association_code)


def reopened(device_id: str) -> str:
    """Have the popup of a lamp closed and opened again; return its code."""
    treatment = StockTreatment(StockScreens.AUTO)
    treatment.step(NOW + MONTH)
    assert said(device_id) == WITHDRAWN  # as long as the broker has not accepted it, nothing follows
    treatment.step(NOW)
    treatment.step(NOW + REOPEN_AFTER - timedelta(milliseconds=1))
    assert said(device_id) is None
    treatment.step(NOW + REOPEN_AFTER)
    return code_said(device_id)


def shown(device_id: str) -> str:
    lampi = Lampi.named(device_id)
    return str(lampi.association_code[: lampi.short_code_length])
