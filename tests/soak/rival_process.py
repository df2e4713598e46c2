"""A process that associates, hands over, releases, forgets and looks codes up, with its own database connection.

Each line of standard input is an order, a JSON object with ``verb``, ``device_id``, ``code`` and ``user``;
each is answered by one with ``result``, ``reason``, ``device_id`` and ``offer``, the code of an offer that was made.
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
from cloud.services.offering import make_offer
from cloud.store.lamps import Lampi
from cloud.store.sources import SHELL
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
    answer = {"reason": None, "device_id": None, "offer": None}
    try:
        if order["verb"] == "offer":
            return {**answer, "result": OK, "offer": make_offer(order["device_id"], utc_now(), SHELL).code}
        return {**answer, "result": OK, "device_id": _do(order)}
    except UserError as refusal:
        return {**answer, "result": REFUSED, "reason": type(refusal).__name__}
    except peewee.PeeweeException as fault:
        _start_anew()
        return {**answer, "result": UNKNOWN, "reason": str(fault)}


def _do(order: dict[str, Any]) -> str:
    device_id: str = order["device_id"]
    if order["verb"] in ("associate", "take"):
        user = claiming.user_named(order["user"])
        if order["code"] is None:
            return str(claiming.associate_by_device_id(device_id, user, utc_now()).device_id)
        endless = order["verb"] == "take"  # a user's changes are limited, and there are more hand-overs than that
        return str(claiming.associate_by_code(order["code"], user, utc_now(), by_operator=endless).device_id)
    if order["verb"] == "look up":
        claiming.still_waiting(device_id, order["code"], utc_now())
    elif order["verb"] == "release":
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
