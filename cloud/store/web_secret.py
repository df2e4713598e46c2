"""The secret with which the web page signs its cookies."""

import secrets

from peewee import AutoField, CharField

from cloud.db.database import Table, write_transaction


class WebSecret(Table):
    """The single row with the cookie secret, shared by all processes and kept across restarts.

    It is of little use to someone who steals the database: session tokens are stored only as hashes.
    """

    id = AutoField()
    secret = CharField(max_length=64)


def kept() -> str:
    """Return the secret; the first call creates it."""
    with write_transaction():
        row: WebSecret = WebSecret.get_or_none() or WebSecret.create(secret=secrets.token_hex(32))
    return str(row.secret)
