"""Authentication of browser requests, sign-in and sign-out."""

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast

from flask import Flask, Response, abort, current_app, flash, redirect, request, session, url_for
from flask_babel import gettext
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.wrappers import Response as AnyResponse

from cloud.auth import sessions
from cloud.auth.passkeys import Passkey
from cloud.errors import TooManyAttempts, TooManyChanges, TooManyGuesses, UserError
from cloud.store import sources
from cloud.store.lamps import User
from cloud.web.cookies import browser_tokens, keep_tokens

View = TypeVar("View", bound=Callable[..., Any])

KEPT = ("next", "code")
"""Session keys that survive signing in: the requested page and the scanned code."""


LONGEST_PATH = 200
"""Characters. Longer than any path of this page; the path is stored in a cookie, which is limited to 4 KB."""


class Visitor(UserMixin):
    """A signed-in user and the session token of their browser."""

    def __init__(self, user: User, token: str) -> None:
        self.user = user
        self.token = token

    def get_id(self) -> str:
        """Return the session token, which Flask-Login stores in the cookie."""
        return self.token

    @property
    def page_session(self) -> str:
        """Return the session's name in pages, by which a browser's tabs find each other; the token stays secret."""
        return hashlib.sha256(f"page {self.token}".encode()).hexdigest()[:16]


class Access:
    """Loads the signed-in user and redirects everyone else to the sign-in page."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def serve(self, app: Flask) -> None:
        """Install the sign-in check in an application."""
        manager = LoginManager(app, add_context_processor=False)
        # Evaluated only when a template uses it: the page for a database outage must not query the database.
        app.jinja_env.globals["current_user"] = current_user
        manager.session_protection = None  # it is bound to the IP address, which changes often on a phone
        manager.user_loader(self._load)
        manager.unauthorized_handler(self._send_to_sign_in)

    def _load(self, token: str) -> Visitor | None:
        user = sessions.user_of(token, self._now())
        return None if user is None else Visitor(user, token)

    def _send_to_sign_in(self) -> AnyResponse:
        if request.blueprint == "live":
            abort(401)
        if request.method == "GET" and len(request.path) <= LONGEST_PATH and request.path.isprintable():
            session["next"] = request.path  # below the sub-path; never from a parameter, to rule out open redirects
        flash(gettext("Sign in to continue."))
        return redirect(url_for("accounts.sign_in"))


def signed_in(view: View) -> View:
    """Require a signed-in user for a view."""
    return cast(View, login_required(view))


def the_user() -> User:
    """Return the signed-in user. Call it only in views marked `signed_in`."""
    return cast(Visitor, current_user).user


def the_token() -> str:
    """Return the token of this browser's session. Call it only in views marked `signed_in`."""
    return cast(Visitor, current_user).token


def let_in(user: User, passkey: Passkey | None = None) -> AnyResponse:
    """Sign this browser in under a new token, make it a known browser, and redirect it to the page it asked for.

    Raises:
        WrongPassword: the password was changed after the user was verified.
        BadPasskey: the passkey was removed after it was verified.
    """
    now = current_time()
    user_agent = request.user_agent.string
    token = sessions.begin(user, now, user_agent if user_agent.isprintable() else "", passkey)
    kept = {name: session[name] for name in KEPT if name in session}
    leave()
    session.update(kept)
    session.permanent = True
    login_user(Visitor(user, token))
    answer = redirect(request.script_root + session.pop("next") if "next" in session else url_for("lamps.mine"))
    keep_tokens(answer, browser_tokens().with_user(user, now))
    return answer


def leave() -> None:
    """Sign this browser out and clear its session."""
    if current_user.is_authenticated:
        sessions.end(the_token())
        logout_user()
    session.clear()


def current_time() -> datetime:
    """Return the current time."""
    now: Callable[[], datetime] = current_app.config["NOW"]
    return now()


def source() -> str:
    """Return the request's source: the client address as seen by the server or by the first trusted proxy."""
    forwarded = request.headers.get("X-Forwarded-For", "") if current_app.config.get("HAS_PROXY") else ""
    return sources.of_request(forwarded, request.remote_addr or "")


def refused(answer: Response, refusal: UserError) -> Response:
    """Set the status of a page that shows an error: 429 with `Retry-After` for rate limits, otherwise 422."""
    if isinstance(refusal, TooManyAttempts | TooManyChanges | TooManyGuesses):
        answer.status_code = 429
        return later(answer, refusal.retry_after.total_seconds())
    answer.status_code = 422
    return answer


def later(answer: Response, seconds: float) -> Response:
    """Add a `Retry-After` header to a response."""
    answer.headers["Retry-After"] = str(max(1, round(seconds)))
    return answer
