"""What the cloud refuses, in the words of the person who is told."""

from datetime import timedelta


class Refusal(Exception):
    """Something that was asked for and is not done; its text is the one line that the person reads."""


class MalformedCode(Refusal):
    """What was typed can't be an association code."""


class UnknownCode(Refusal):
    """No lamp waits under this code: mistyped, replaced, or somebody was faster. The text is always the same."""

    def __init__(self) -> None:
        super().__init__("No lamp is waiting under this code. Please look at the lamp's screen again.")


class TooManyGuesses(Refusal):
    """Too many wrong codes before this one, which was not looked up; ``retry_after`` is how long to wait."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(
            f"Too many wrong codes. Please try again in {_in_words(retry_after)}, "
            "or scan the QR code on the lamp's screen."
        )
        self.retry_after = retry_after


class AlreadyAssociated(Refusal):
    """The lamp has an owner."""


class NotAssociated(Refusal):
    """The lamp has no owner."""


class UnknownLamp(Refusal):
    """There is no lamp with this device id."""


class UnknownUser(Refusal):
    """There is no user with this name."""


class BadUserName(Refusal):
    """The name can't be a user's, or is another user's."""


class BadLampName(Refusal):
    """The name can't be a lamp's."""


class BadPassword(Refusal):
    """The password can't be taken."""


class WrongPassword(Refusal):
    """The password is not this user's, or there is no such user: nobody is told which."""

    def __init__(self, text: str = "This name and this password do not go together.") -> None:
        super().__init__(text)


class TooManyAttempts(Refusal):
    """It was tried too often; after ``retry_after`` it may be tried again."""

    def __init__(self, retry_after: timedelta) -> None:
        super().__init__(f"That was tried too often. Please try again in {_in_words(retry_after)}.")
        self.retry_after = retry_after


class BadTokenName(Refusal):
    """The name can't be a token's, or there are too many tokens."""


class UnknownToken(Refusal):
    """There is no token with this number."""


class UnusableDatabase(Refusal):
    """The database is missing, unmigrated, of a newer release, or can't be opened."""


class UnusableBackup(Refusal):
    """A backup's file can't be written, or is no (whole) backup."""


class BrokerAway(Refusal):
    """The broker can't be reached, or fell silent."""


class BrokerSilent(BrokerAway):
    """The broker let us in and did not say to the end what it retains: it hangs, or refuses our end marker."""


class DatabaseAway(UnusableDatabase):
    """The database server can't be reached; it may come back by itself."""


def _in_words(duration: timedelta) -> str:
    """Return a duration as a person says it, rounded up: minutes, from two hours on hours."""
    minutes = -(-duration // timedelta(minutes=1))
    if minutes < 120:
        return "1 minute" if minutes <= 1 else f"{minutes} minutes"
    return f"{-(-duration // timedelta(hours=1))} hours"
