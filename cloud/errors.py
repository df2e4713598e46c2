"""Errors that the cloud reports to users and operators."""

from dataclasses import dataclass
from datetime import timedelta


class UserError(Exception):
    """A request that can't be fulfilled. Its text is the one-line message shown to the user."""


class TranslatableError(UserError):
    """An error that the web page shows in the browser's language. Everywhere else it is English.

    ``text`` is a literal, or marked with `translatable`: it is looked up in the page's catalogue (`cloud/web/locale`).
    The values of its placeholders, such as ``%(name)s``, are ``parameters``.
    """

    def __init__(self, text: str, **parameters: object) -> None:
        super().__init__(text % parameters if parameters else text)
        self.text = text
        self.parameters = parameters


def translatable(text: str) -> str:
    """Return a text, marked for the page's catalogue."""
    return text


@dataclass(frozen=True)
class Wait:
    """A duration for people: a number of minutes or hours."""

    number: int
    unit: str

    @classmethod
    def of(cls, duration: timedelta) -> "Wait":
        """Return a duration, rounded up to minutes, or to hours from two hours."""
        minutes = max(1, -(-duration // timedelta(minutes=1)))
        return cls(minutes, "minute") if minutes < 120 else cls(-(-duration // timedelta(hours=1)), "hour")

    def __str__(self) -> str:
        return f"{self.number} {self.unit}{'' if self.number == 1 else 's'}"


class MalformedCode(TranslatableError):
    """The text is not a well-formed code."""


class UnknownCode(TranslatableError):
    """No lamp and no offer has this code: mistyped, expired or already used. The message does not reveal which.

    ``hint`` goes with it on the page and in the API. It is always the same, so it reveals nothing either.
    """

    hint = translatable(
        "If your lamp runs the stock software, restart its screen to see the current code."
        " If the lamp's owner gave you the code, ask for a new one."
    )

    def __init__(self) -> None:
        super().__init__(translatable("No lamp found for this code. Check the code on the lamp's screen."))


class TooManyGuesses(TranslatableError):
    """Rate limit for wrong codes. This code was not checked; ``retry_after`` is how long to wait."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(
            translatable("Too many wrong codes. Try again in %(wait)s, or scan the QR code on the lamp's screen."),
            wait=Wait.of(retry_after),
        )
        self.retry_after = retry_after


class OwnOffer(UserError):
    """The code is that of the user's own offer."""

    def __init__(self) -> None:
        super().__init__("This is the code of your own offer. Give it to the lamp's new owner.")


class NotOffered(UserError):
    """The lamp is not offered."""

    def __init__(self) -> None:
        super().__init__("This lamp is not offered.")


class AlreadyAssociated(UserError):
    """The lamp has an owner."""


class NotAssociated(UserError):
    """The lamp has no owner."""


class UnknownLamp(UserError):
    """No lamp has this device id."""


class NoResetRequest(TranslatableError):
    """No reset of the lamp is requested, or not any more."""


class UnsupportedDeletion(UserError):
    """A query that deletes lamps has more than conditions."""


class UnknownUser(UserError):
    """No user has this name."""


class BadUserName(TranslatableError):
    """The username is invalid or taken."""


class BadLampName(TranslatableError):
    """The lamp name is invalid."""


class BadPassword(TranslatableError):
    """The password does not meet the requirements."""


class WrongPassword(TranslatableError):
    """Unknown username or wrong password. The message does not reveal which."""

    def __init__(self, text: str = "") -> None:
        super().__init__(text or translatable("Incorrect username or password."))


class WrongRecoveryCode(TranslatableError):
    """Unknown username or wrong recovery code. The message does not reveal which."""

    def __init__(self) -> None:
        super().__init__(translatable("Incorrect username or recovery code."))


class BadPasskey(TranslatableError):
    """What the browser sent about a passkey can't be verified: expired, used before, or not for this page and user."""

    def __init__(self) -> None:
        super().__init__(translatable("The passkey couldn't be verified. Try again."))


class UnknownPasskey(TranslatableError):
    """No account has this passkey, or the user has no passkey with this number."""

    def __init__(self) -> None:
        super().__init__(translatable("No account has this passkey. Sign in with your password."))


class BadPasskeyName(TranslatableError):
    """The passkey name is invalid, or the user has too many passkeys."""


class TooManyAttempts(TranslatableError):
    """Rate limit for attempts; ``retry_after`` is how long to wait."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(translatable("Too many attempts. Try again in %(wait)s."), wait=Wait.of(retry_after))
        self.retry_after = retry_after


class TooManyChanges(TranslatableError):
    """Rate limit for a user's changes to lamps. Nothing was changed; ``retry_after`` is how long to wait."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(translatable("Too many changes. Try again in %(wait)s."), wait=Wait.of(retry_after))
        self.retry_after = retry_after


class TooManyRequests(TranslatableError):
    """Rate limit for a user's requests to lamps. Nothing was requested; ``retry_after`` is how long to wait."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(translatable("Too many requests to your lamps. Try again in a few seconds."))
        self.retry_after = retry_after


class Overloaded(TranslatableError):
    """Too many passwords are being checked."""

    def __init__(self) -> None:
        super().__init__(translatable("Too many people are signing in. Try again in a few seconds."))


class BadTokenName(UserError):
    """The token name is invalid, or the user has too many tokens."""


class UnknownToken(UserError):
    """The user has no token with this number."""


class UnknownSession(UserError):
    """The user has no session with this name."""


class UnusableDatabase(UserError):
    """The database is missing, not migrated, from a newer release, or can't be opened."""


class ForeignDatabase(UnusableDatabase):
    """The database is another program's."""


class UnusableCourseSite(UserError):
    """The database to import from can't be read, or is not that of a LAMPI course site."""


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
