"""Accounts: sign-up, sign-in, password changes and recovery.

Each function that checks or sets a password raises `Overloaded` if too many are doing so.
"""

from datetime import datetime

from cloud.auth import passkeys, passwords, recovery_codes, sessions, user_names
from cloud.auth.known_browsers import BrowserTokens
from cloud.auth.sign_in_limits import HOUR, QUARTER, by_network, guess_limits, success_limits
from cloud.db.database import write_transaction
from cloud.errors import BadUserName, Overloaded, UserError, WrongPassword, WrongRecoveryCode, translatable
from cloud.rate_limit import attempts
from cloud.rate_limit.attempts import Limit
from cloud.store import audit_log, open_sign_up
from cloud.store.audit_log import AuditEvent
from cloud.store.users import User, looks_like, name_key

_WRONG_CURRENT = translatable("Incorrect current password.")

_NO_TOKENS = BrowserTokens()


def sign_up(name: str, password: str, source: str, now: datetime) -> User:
    """Create an account; ``source`` is the client's address.

    The rules for names are stricter than for operators (`claiming.add_user`). A name that looks like an existing one
    counts as taken: it could be used to imitate that user.

    Raises:
        BadUserName: the name is not allowed (see `user_names.normalized`), or taken.
        BadPassword: see `passwords.require_usable`.
        TooManyAttempts: too many accounts were created from this address or network in the last hour.
    """
    name = user_names.normalized(name)
    passwords.require_usable(password, name)
    # A rejected sign-up reveals that the name is taken, so attempts have a limit of their own.
    creations, tries = by_network("sign up", source, 20, HOUR), by_network("try name", source, 200, HOUR)
    created = attempts.spend([*creations, *tries], now)[: len(creations)]
    try:
        kept = passwords.hashed(password)  # slow, so before taking the write lock
    except Overloaded:
        attempts.refund(created)
        raise
    with write_transaction():
        is_taken = User.select().where(looks_like(name)).exists()
        if not is_taken:
            user: User = User.create(name=name, password_hash=kept)
            audit_log.write(AuditEvent.USER_ADDED, now, source, user_name=name)
            open_sign_up.announce(True)
    if is_taken:
        attempts.refund(created)
        raise BadUserName("The username %(name)s is taken. Choose another.", name=name)
    return user


def sign_in(name: str, password: str, source: str, now: datetime, browser: BrowserTokens = _NO_TOKENS) -> User:
    """Return the user with this name and password. `sessions.begin` checks again that the password is still the same.

    An unknown name, a user without a password and a wrong password give the same error after the same time, except for
    a user whose hash comes from a course site (see `course_passwords`).
    ``browser``: the tokens of known browsers that came with the request.

    Raises:
        WrongPassword: the name or the password is wrong, or the password was changed meanwhile.
        TooManyAttempts: too many attempts with this name, from this address or network, or in this known browser; or
            too many successful ones.
    """
    user = _known_as(name)
    known = browser.browser_of(user, now) if user else None
    successes = success_limits(name_key(name), source)
    attempts.require_below(successes, now)  # before the password is hashed, which is what these limit
    tried = attempts.spend(guess_limits("sign in", name_key(name), source, known), now)
    try:
        fits = passwords.fits(password, user and user.password_hash)
    except Overloaded:
        attempts.refund(tried)
        raise
    if not fits or user is None:
        raise WrongPassword
    attempts.refund(tried)
    attempts.spend(successes, now)
    if passwords.is_outdated(user.password_hash):
        user = _renewed(user, password)
    return user


def require_password(user: User, password: str, now: datetime) -> None:
    """Check the current password of a user who is signed in, before a change that would outlive the session.

    Raises:
        WrongPassword: it is wrong.
        TooManyAttempts: it was wrong too often.
    """
    tried = attempts.spend([Limit(("change password", str(user.id)), 5, QUARTER)], now)
    try:
        fits = passwords.fits(password, user.password_hash)
    except Overloaded:
        attempts.refund(tried)
        raise
    if not fits:
        raise WrongPassword(_WRONG_CURRENT)
    attempts.refund(tried)


def change_password(user: User, current: str, new: str, now: datetime, *, remove_keys: bool = False) -> None:
    """Change a password after checking the current one, and sign the user out everywhere.

    With ``remove_keys``, the user's passkeys and recovery codes are removed, too.

    Raises:
        WrongPassword: the current password is wrong, or was changed meanwhile.
        BadPassword: see `passwords.require_usable`.
        TooManyAttempts: the current password was wrong too often, or the password was changed too often.
    """
    passwords.require_usable(new, user.name)  # before the attempt: it takes no time, and is not counted
    limits = [Limit(("password changed", str(user.id)), 10, HOUR)]
    attempts.require_below(limits, now)  # before the password is hashed
    require_password(user, current, now)
    changed = attempts.spend(limits, now)
    try:
        kept = passwords.hashed(new)  # slow, so before taking the write lock
        with write_transaction():
            _replace(user, kept)
            sessions.end_all(user)
            if remove_keys:
                _remove_keys(user)
    except UserError as refusal:
        attempts.refund(changed)
        if isinstance(refusal, WrongPassword):
            raise WrongPassword(_WRONG_CURRENT) from None
        raise


def recover(name: str, code: str, new: str, source: str, now: datetime, *, browser: BrowserTokens = _NO_TOKENS) -> User:
    """Set a new password with a recovery code, sign the user out everywhere, and return the user. The code is used up.

    An unknown name and a wrong code give the same error after the same time.

    Raises:
        WrongRecoveryCode: the name or the code is wrong, or the code was used meanwhile.
        BadPassword: see `passwords.require_usable`.
        TooManyAttempts: as for `sign_in`, with limits of their own.
    """
    user = _known_as(name)
    passwords.require_usable(new, name.strip())
    known = browser.browser_of(user, now) if user else None
    tried = attempts.spend(guess_limits("recover", name_key(name), source, known), now)
    if not recovery_codes.fits(user, code) or user is None:
        raise WrongRecoveryCode
    try:
        kept = passwords.hashed(new)  # slow, so before taking the write lock
    except Overloaded:
        attempts.refund(tried)
        raise
    with write_transaction():
        if not recovery_codes.use(user, code):
            raise WrongRecoveryCode
        User.update(password_hash=kept).where(User.id == user.id).execute()
        sessions.end_all(user)
        audit_log.write(AuditEvent.ACCOUNT_RECOVERED, now, source, user_name=user.name)
    attempts.refund(tried)
    user.password_hash = kept
    return user


def set_password(user: User, password: str, *, remove_keys: bool = False) -> None:
    """Set a user's password and sign them out everywhere. Their API tokens (`cloud.auth.api_tokens`) stay valid.

    Tokens are issued by an operator, not by password, and revoking them would stop programs at every password change.
    Passkeys and recovery codes stay valid, too, unless ``remove_keys``.

    Raises:
        BadPassword: see `passwords.require_usable`.
    """
    passwords.require_usable(password, user.name)
    user.password_hash = passwords.hashed(password)  # slow, so before taking the write lock
    with write_transaction():
        user.save(only=[User.password_hash])
        sessions.end_all(user)
        if remove_keys:
            _remove_keys(user)


def _remove_keys(user: User) -> None:
    passkeys.remove_all(user)
    recovery_codes.remove_codes(user)


def _renewed(user: User, password: str) -> User:
    """Return the user after replacing an outdated hash of this password. Another sign-in may have replaced it already.

    Raises:
        WrongPassword: the password was changed meanwhile.
    """
    try:
        kept = passwords.hashed(password)
    except Overloaded:
        return user  # at a later sign-in, then
    try:
        _replace(user, kept)
    except WrongPassword:
        renewed: User | None = User.get_or_none(User.id == user.id)
        if renewed is None or not passwords.fits(password, renewed.password_hash):
            raise
        return renewed
    return user


def _replace(user: User, kept: str) -> None:
    """Store a new hash, if the one that was verified is still the user's."""
    with write_transaction():
        verified = (User.id == user.id) & (User.password_hash == user.password_hash)
        if not User.update(password_hash=kept).where(verified).execute():
            raise WrongPassword
    user.password_hash = kept


def _known_as(name: str) -> User | None:
    """Return the user for a sign-in name: an exact match, or the only match ignoring case."""
    if not name.strip().isprintable():
        return None  # not every database accepts such text in a query
    named: list[User] = list(User.select().where(User.name_key == name_key(name)).order_by(User.id))
    exact = [user for user in named if user.name == name.strip()]
    return exact[0] if exact else named[0] if len(named) == 1 else None
