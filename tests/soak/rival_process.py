"""A process that associates, releases and forgets, with its own database connection.

Each line of standard input is an order, a JSON object with ``verb``, ``device_id``, ``code`` and ``user``;
each is answered by one with ``result``, ``reason`` and ``device_id``.
"""

import json
import os
import sys
from typing import Any

import peewee

from cloud.db.database import database_proxy, open_database, write_transaction
from cloud.db.timestamps import utc_now
from cloud.errors import DatabaseAway, UserError
from cloud.services import claiming
from cloud.services.lamps import enqueue_state
from cloud.store.lamps import Lampi
from tests.soak.model import OK, REFUSED, UNKNOWN
from tests.support.waiting import wait_until


def main() -> None:
    """Do what standard input says until it ends."""
    wait_until(_opens, "the database to open", seconds=60)
    for line in sys.stdin:
        sys.stdout.write(json.dumps(_answer(json.loads(line))) + "\n")
        sys.stdout.flush()


def _opens() -> bool:
    try:
        open_database(os.environ["LAMPI_DATABASE_URL"])
    except DatabaseAway:
        return False
    return True


def _answer(order: dict[str, Any]) -> dict[str, str | None]:
    try:
        device_id = _do(order)
    except UserError as refusal:
        return {"result": REFUSED, "reason": type(refusal).__name__, "device_id": None}
    except peewee.PeeweeException as fault:
        _start_anew()
        return {"result": UNKNOWN, "reason": str(fault), "device_id": None}
    return {"result": OK, "reason": None, "device_id": device_id}


def _do(order: dict[str, Any]) -> str:
    device_id: str = order["device_id"]
    if order["verb"] == "associate":
        user = claiming.user_named(order["user"])
        if order["code"] is None:
            return str(claiming.associate_by_device_id(device_id, user, utc_now()).device_id)
        return str(claiming.associate_by_code(order["code"], user, utc_now()).device_id)
    if order["verb"] == "release":
        claiming.release(device_id, utc_now())
    elif order["verb"] == "say again":
        with write_transaction():
            enqueue_state(list(Lampi.select()))
    else:
        claiming.forget(device_id)
    return device_id


def _start_anew() -> None:
    """Drop the connection: the next statement opens another."""
    try:
        database_proxy.close()
    except peewee.PeeweeException:
        open_database(os.environ["LAMPI_DATABASE_URL"])


if __name__ == "__main__":
    main()
