"""Known browsers: those in which a user has signed in before (OWASP calls their tokens device cookies).

Anyone can use up the attempts to sign in with a name. A known browser has a limit of its own, so that strangers can't
keep a user out of it, and a stolen token gives few guesses.

Tokens are signed and not stored, so their number has no limit and they cost no query. The signature includes the user's
password hash: a new password makes all tokens of the user invalid, also those of a thief who knew the old one. The page
gives a new token to the browser in which the password was changed.
"""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cloud.db.timestamps import credible
from cloud.store.users import User

LASTS_FOR = timedelta(days=365)
"""How long a browser stays known after a sign-in. Browsers keep no cookie for more than 400 days."""

MOST_USERS = 10
"""Users who can be known in one browser; each takes about 75 bytes of the cookie."""

_BETWEEN = "~"
_TOKEN = re.compile(r"[0-9]{1,10}\.[A-Za-z0-9_-]{16}\.[0-9]{1,11}\.[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class BrowserTokens:
    """The tokens of one browser, one for each user who has signed in there, newest first."""

    tokens: tuple[str, ...] = ()
    secret: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str, secret: str) -> "BrowserTokens":
        """Read what `text` returned. It comes from the browser, so it can be anything."""
        return cls(tuple(filter(_TOKEN.fullmatch, text.split(_BETWEEN)))[:MOST_USERS], secret)

    @property
    def text(self) -> str:
        return _BETWEEN.join(self.tokens)

    def browser_of(self, user: User, now: datetime) -> str | None:
        """Return the random id under which this browser is known to a user, or None."""
        for token in self.tokens:
            claims, _, signature = token.rpartition(".")
            if not hmac.compare_digest(signature, _sign(claims, user, self.secret)):
                continue
            _user_id, browser, issued_at = claims.split(".")
            if now - LASTS_FOR < datetime.fromtimestamp(int(issued_at), now.tzinfo) <= credible(now):
                return browser
        return None

    def with_user(self, user: User, now: datetime) -> "BrowserTokens":
        """Return the tokens after a user has signed in.

        The browser gets a new id: a copy of its former token counts as another browser, and can't use up its attempts.
        """
        others = [token for token in self.tokens if token.partition(".")[0] != str(user.id)]
        claims = f"{user.id}.{secrets.token_urlsafe(12)}.{int(now.timestamp())}"
        newest = f"{claims}.{_sign(claims, user, self.secret)}"
        return BrowserTokens((newest, *others[: MOST_USERS - 1]), self.secret)


def _sign(claims: str, user: User, secret: str) -> str:
    signed = "\0".join(("known browser", str(user.id), user.password_hash or "", claims))
    digest = hmac.digest(secret.encode(), signed.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
