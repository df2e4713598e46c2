"""Browser sessions: one row for each signed-in browser. Only the hash of its token is stored."""

import hashlib
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from peewee import CharField, Desc, ForeignKeyField, ModelSelect, TextField

from cloud.auth.passkeys import Passkey, is_registered
from cloud.db.bulk import ROWS_A_STATEMENT
from cloud.db.database import Table, write_transaction
from cloud.db.timestamps import TimestampField, credible
from cloud.errors import BadPasskey, UnknownSession, WrongPassword
from cloud.store import offers
from cloud.store.users import User, has_same_password

IDLE_FOR = timedelta(days=7)
"""Idle time after which a session expires."""

LASTS_FOR = timedelta(days=30)
"""Maximum lifetime of a session."""

NOTED_EVERY = timedelta(minutes=5)
"""Resolution of `seen_at`, to avoid a write on every request."""


class BrowserSession(Table):
    """A session: one signed-in browser of a user."""

    token_hash = CharField(max_length=64, primary_key=True)
    user = ForeignKeyField(User, on_delete="CASCADE")
    started_at: datetime = TimestampField(index=True)
    seen_at: datetime = TimestampField(index=True)
    user_agent = TextField(default="")

    class Meta:
        table_name = "sign_in"

    @property
    def name(self) -> str:
        """The session's name in the list of its user: the beginning of the hash, which lets no one in."""
        return str(self.token_hash)[:NAME_LENGTH]


MOST_OF_A_USER = 20
"""Sessions of one user. A further one ends the one that was idle for longest."""

NAME_LENGTH = 16
LONGEST_USER_AGENT = 300


def begin(user: User, now: datetime, user_agent: str = "", passkey: Passkey | None = None) -> str:
    """Start a session and return its token. A batch of expired sessions is deleted.

    ``user`` is as it was when the password was verified: its hash must still be the stored one. Otherwise a sign-in
    with the old password could end up with a session after the password was changed, and with it all sessions ended.
    ``passkey`` is the one that was verified, if any: it must still be registered.

    Raises:
        WrongPassword: the password was changed meanwhile.
        BadPasskey: the passkey was removed meanwhile.
    """
    token = secrets.token_urlsafe(32)
    with write_transaction():
        if not has_same_password(user):
            raise WrongPassword
        if passkey is not None and not is_registered(passkey):
            raise BadPasskey
        hashes = BrowserSession.select(BrowserSession.token_hash)
        for column, until in ((BrowserSession.seen_at, now - IDLE_FOR), (BrowserSession.started_at, now - LASTS_FOR)):
            expired: Any = column <= until
            _delete(hashes.where(expired).order_by(column).limit(ROWS_A_STATEMENT))  # a batch: a user is waiting
        own = hashes.where(BrowserSession.user == user).order_by(Desc(BrowserSession.seen_at))
        _delete(own.offset(MOST_OF_A_USER - 1).limit(MOST_OF_A_USER))
        BrowserSession.create(
            token_hash=_hash(token),
            user=user,
            started_at=now,
            seen_at=now,
            user_agent=user_agent[:LONGEST_USER_AGENT],
        )
    return token


def _delete(chosen: ModelSelect) -> None:
    hashes = [token_hash for (token_hash,) in chosen.tuples()]
    if hashes:
        BrowserSession.delete().where(BrowserSession.token_hash.in_(hashes)).execute()


def user_of(token: str, now: datetime) -> User | None:
    """Return the user of a session token, or None if it is unknown or expired."""
    found: BrowserSession | None = (
        BrowserSession.select(BrowserSession, User)
        .join(User)
        .where(BrowserSession.token_hash == _hash(token))
        .get_or_none()
    )
    if found is None or not _is_live(found, now):
        return None
    if found.seen_at <= now - NOTED_EVERY:
        with write_transaction():
            BrowserSession.update(seen_at=now).where(BrowserSession.token_hash == found.token_hash).execute()
    user: User = found.user
    return user


def sessions_of(user: User, now: datetime) -> list[BrowserSession]:
    """Return a user's sessions, the one that was seen last first."""
    found = BrowserSession.select().where(BrowserSession.user == user).order_by(Desc(BrowserSession.seen_at))
    return [session for session in found if _is_live(session, now)]


def name_of(token: str) -> str:
    """Return the name of the session with this token."""
    return _hash(token)[:NAME_LENGTH]


def key_of(token: str) -> str:
    """Return the key of the session with this token, which lets no one in."""
    return _hash(token)


def live_among(keys: Collection[str]) -> set[str]:
    """Return which of these sessions, by their keys, have not been ended."""
    found = BrowserSession.select(BrowserSession.token_hash).where(BrowserSession.token_hash.in_(list(keys)))
    return {key for (key,) in found.tuples()}


def end(token: str) -> None:
    """End the session with this token."""
    with write_transaction():
        BrowserSession.delete().where(BrowserSession.token_hash == _hash(token)).execute()


def end_named(user: User, name: str) -> None:
    """End a user's session, effective immediately.

    Raises:
        UnknownSession: the user has no session with this name.
    """
    with write_transaction():
        own = BrowserSession.select().where(BrowserSession.user == user)
        named = next((session for session in own if session.name == name), None)
        if named is None:
            raise UnknownSession(f"{user.name} has no such session.")
        offers.end_all(user)  # a stranger who was signed in may have made those
        named.delete_instance()


def end_all(user: User) -> None:
    """End all sessions of a user, and their offers of lamps: a stranger who was signed in may have made those."""
    with write_transaction():
        offers.end_all(user)
        BrowserSession.delete().where(BrowserSession.user == user).execute()


def _is_live(session: BrowserSession, now: datetime) -> bool:
    return session.started_at > now - LASTS_FOR and now - IDLE_FOR < session.seen_at <= credible(now)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "replace")).hexdigest()
