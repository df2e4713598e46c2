"""Errors that the cloud reports to users and operators."""

from datetime import timedelta


class UserError(Exception):
    """A request that can't be fulfilled. Its text is the one-line message shown to the user."""


class MalformedCode(UserError):
    """The text is not a well-formed code."""


class UnknownCode(UserError):
    """No lamp has this code: mistyped, expired or already used. The message does not reveal which."""

    def __init__(self) -> None:
        super().__init__("No lamp found for this code. Check the code on the lamp's screen.")


class TooManyGuesses(UserError):
    """Rate limit for wrong codes. This code was not checked; ``retry_after`` is how long to wait."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(
            f"Too many wrong codes. Try again in {_in_words(retry_after)}, or scan the QR code on the lamp's screen."
        )
        self.retry_after = retry_after


class AlreadyAssociated(UserError):
    """The lamp has an owner."""


class NotAssociated(UserError):
    """The lamp has no owner."""


class UnknownLamp(UserError):
    """No lamp has this device id."""


class UnknownUser(UserError):
    """No user has this name."""


class BadUserName(UserError):
    """The username is invalid or taken."""


class BadLampName(UserError):
    """The lamp name is invalid."""


class BadPassword(UserError):
    """The password does not meet the requirements."""


class WrongPassword(UserError):
    """Unknown username or wrong password. The message does not reveal which."""

    def __init__(self, text: str = "Incorrect username or password.") -> None:
        super().__init__(text)


class TooManyAttempts(UserError):
    """Rate limit for attempts; ``retry_after`` is how long to wait."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"Too many attempts. Try again in {_in_words(retry_after)}.")
        self.retry_after = retry_after


class Overloaded(UserError):
    """Too many passwords are being checked."""

    def __init__(self) -> None:
        super().__init__("Too many people are signing in. Try again in a few seconds.")


class BadTokenName(UserError):
    """The token name is invalid, or the user has too many tokens."""


class UnknownToken(UserError):
    """The user has no token with this number."""


class UnusableDatabase(UserError):
    """The database is missing, not migrated, from a newer release, or can't be opened."""


class NothingToAdopt(UserError):
    """The database already has lamps."""


class UnusableBackup(UserError):
    """A backup file can't be written, or is not a complete backup."""


class BrokerAway(UserError):
    """The broker can't be reached or has stopped responding."""


class BrokerSilent(BrokerAway):
    """The broker accepted the connection but did not finish sending retained messages.

    It hangs, or rejects the message that marks the end.
    """


class DatabaseAway(UnusableDatabase):
    """The database server is unavailable. It may recover without action."""


class DatabaseReplaced(DatabaseAway):
    """The database file was moved away, deleted or replaced while it was open."""


def _in_words(duration: timedelta) -> str:
    """Return a duration in words, rounded up to minutes, or to hours from two hours."""
    minutes = -(-duration // timedelta(minutes=1))
    if minutes < 120:
        return "1 minute" if minutes <= 1 else f"{minutes} minutes"
    return f"{-(-duration // timedelta(hours=1))} hours"
