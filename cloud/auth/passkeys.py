"""Passkeys: key pairs on a user's devices, with which they sign in. Only public keys are stored."""

from datetime import datetime

from peewee import AutoField, BigIntegerField, CharField, ForeignKeyField, TextField

from cloud.auth.sign_in_limits import HOUR
from cloud.db.database import Table, write_transaction
from cloud.db.timestamps import TimestampField
from cloud.errors import BadPasskey, BadPasskeyName, UnknownPasskey, UserError, WrongPassword
from cloud.rate_limit import attempts
from cloud.rate_limit.attempts import Limit
from cloud.store import audit_log
from cloud.store.audit_log import AuditEvent
from cloud.store.users import User, has_same_password

LONGEST_NAME = 100
MOST_PASSKEYS = 20


class Passkey(Table):
    """A passkey of a user. Binary values are in base64url, as in WebAuthn's JSON."""

    id = AutoField()
    user = ForeignKeyField(User, on_delete="CASCADE")
    name = CharField(max_length=LONGEST_NAME)
    credential_id = TextField(unique=True)
    user_handle = CharField(max_length=86)
    """Names the user to authenticators; random, and the same for all of the user's passkeys."""
    public_key = TextField()
    sign_count = BigIntegerField()
    """Signatures that the authenticator has made; 0 if it doesn't count, as most that synchronize passkeys."""
    created_at: datetime = TimestampField()
    last_used_at: datetime | None = TimestampField(null=True)


def passkeys_of(user: User) -> list[Passkey]:
    """Return a user's passkeys, oldest first."""
    return list(Passkey.select().where(Passkey.user == user).order_by(Passkey.id))


def with_credential(credential_id: str) -> Passkey:
    """Return the passkey with this credential id, and its user.

    Raises:
        UnknownPasskey: it is not registered.
    """
    found: Passkey | None = (
        Passkey.select(Passkey, User).join(User).where(Passkey.credential_id == credential_id).first()
    )
    if found is None:
        raise UnknownPasskey
    return found


def of_user(user: User, number: int) -> Passkey:
    """Return a user's passkey by its number.

    Raises:
        UnknownPasskey: the user has no passkey with this number.
    """
    found: Passkey | None = Passkey.get_or_none((Passkey.id == number) & (Passkey.user == user))
    if found is None:
        raise UnknownPasskey
    return found


def usable_name(user: User, name: str) -> str:
    """Return a name for a further passkey of a user, as it is stored.

    Raises:
        BadPasskeyName: the name is empty, too long or not one printable line; or the user has `MOST_PASSKEYS` already.
    """
    name = name.strip()
    if not name or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadPasskeyName("A passkey name must be one line of 1 to %(longest)s characters.", longest=LONGEST_NAME)
    if len(passkeys_of(user)) >= MOST_PASSKEYS:
        raise BadPasskeyName("You already have %(most)s passkeys. Remove one first.", most=MOST_PASSKEYS)
    return name


def add(passkey: Passkey, source: str) -> None:
    """Store a verified passkey. Its user is as it was when the current password was verified.

    Raises:
        WrongPassword: the password was changed meanwhile.
        BadPasskeyName: see `usable_name`.
        BadPasskey: it is registered already.
        TooManyAttempts: the user has added too many.
    """
    user, now = passkey.user, passkey.created_at
    added = attempts.spend([Limit(("passkey added", str(user.id)), 20, HOUR)], now)
    try:
        with write_transaction():
            if not has_same_password(user):
                raise WrongPassword("Incorrect current password.")
            if Passkey.select().where(Passkey.credential_id == passkey.credential_id).exists():
                raise BadPasskey
            passkey.name = usable_name(user, passkey.name)
            passkey.save(force_insert=True)
            audit_log.write(AuditEvent.PASSKEY_ADDED, now, source, user_name=user.name)
    except UserError:
        attempts.refund(added)
        raise


def note_use(passkey: Passkey, sign_count: int, now: datetime) -> None:
    """Record a verified use, with the authenticator's new count of signatures.

    Raises:
        BadPasskey: it was removed, or used with another count, since it was read.
    """
    unchanged = (Passkey.id == passkey.id) & (Passkey.sign_count == passkey.sign_count)
    with write_transaction():
        if not Passkey.update(sign_count=sign_count, last_used_at=now).where(unchanged).execute():
            raise BadPasskey


def is_registered(passkey: Passkey) -> bool:
    """Return whether a passkey is still registered."""
    return bool(Passkey.select().where(Passkey.id == passkey.id).exists())


def remove(user: User, number: int, now: datetime, source: str) -> None:
    """Remove a user's passkey, effective immediately; sessions that began with it go on.

    Raises:
        UnknownPasskey: the user has no passkey with this number.
    """
    with write_transaction():
        of_user(user, number).delete_instance()
        audit_log.write(AuditEvent.PASSKEY_REMOVED, now, source, user_name=user.name)


def remove_all(user: User) -> None:
    """Remove all passkeys of a user; call it in a write transaction."""
    Passkey.delete().where(Passkey.user == user).execute()
