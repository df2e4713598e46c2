"""A process that calls the services for lamps' users, and looks codes up, with its own database connection.

Each line of standard input is an order, a JSON object with ``verb``, ``device_id``, ``code`` and ``user``;
each is answered by one with ``result``, ``reason``, ``device_id`` and ``offer``, the code of an offer that was made.
An order to request a state has its ``brightness``, and the time ``at`` which it was given.
"""

import json
import os
import sys
from datetime import UTC, datetime, timedelta
from typing import Any

import peewee

from cloud.db.database import database_proxy, open_database, run_sql, write_transaction
from cloud.db.timestamps import stored, utc_now
from cloud.errors import DatabaseAway, UserError
from cloud.services import claiming, lamp_states, resets
from cloud.services.lamp_states import Followed
from cloud.services.lamps import enqueue_state
from cloud.services.offering import make_offer
from cloud.store.lamps import Lampi
from cloud.store.sources import SHELL
from shared.protocol.payloads import LampConfig
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
        if order["verb"] == "view":
            return {**answer, "result": OK, "reason": _view(order["device_id"], order["user"])}
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
    elif order["verb"] == "refuse":
        resets.refuse(device_id, utc_now(), SHELL, claiming.user_named(order["user"]))
    elif order["verb"] == "let a day pass":
        _let_a_day_pass(device_id)
    elif order["verb"] == "set":
        wanted, asked_at = LampConfig(brightness=order["brightness"]), datetime.fromtimestamp(order["at"], UTC)
        lamp_states.request(claiming.user_named(order["user"]), device_id, wanted, asked_at)
    elif order["verb"] == "say again":
        with write_transaction():
            enqueue_state(list(Lampi.select()))
    else:
        claiming.forget(device_id)
    return device_id


def _let_a_day_pass(device_id: str) -> None:
    """Have the present stage of a lamp's reset be over: a soak can't wait for a day."""
    with write_transaction():
        now = utc_now()
        began = now - timedelta(days=1)
        ended = "UPDATE reset_request SET since = ?, due_at = ? WHERE device_id = ?"
        run_sql(ended, stored(began), stored(now), device_id)


def _view(device_id: str, user_name: str) -> str:
    """Return how a user's latest request ended, as the user's page shows it."""
    followed = Followed(claiming.user_named(user_name).id, device_id)
    view = lamp_states.views_of([followed], utc_now()).get(followed)
    return "gone" if view is None or view.outcome is None else view.outcome.value


def _start_anew() -> None:
    """Drop the connection: the next statement opens another."""
    try:
        database_proxy.close()
    except peewee.PeeweeException:
        open_database(os.environ["LAMPI_DATABASE_URL"])


if __name__ == "__main__":
    main()
