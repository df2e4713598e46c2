"""Who a browser's requests come from, and signing it in and out."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, TypeVar, cast

from flask import Flask, Response, abort, current_app, flash, redirect, request, session, url_for
from flask_login import LoginManager, UserMixin, current_user, login_required, login_user, logout_user
from werkzeug.wrappers import Response as AnyResponse

from cloud.errors import Refusal, TooManyAttempts, TooManyGuesses
from cloud.guessing import sources
from cloud.identity import sign_ins
from cloud.models import User

View = TypeVar("View", bound=Callable[..., Any])

KEPT = ("next", "code")
"""What of a session stays when somebody signs in: where they were going, and the code that they had scanned."""


LONGEST_PATH = 200
"""Of our own pages none has nearly as long a one, and a cookie has room for 4 KB."""


class Visitor(UserMixin):
    """Somebody who is signed in, with the token that their browser shows."""

    def __init__(self, user: User, token: str) -> None:
        self.user = user
        self.token = token

    def get_id(self) -> str:
        """Return what Flask-Login keeps in the cookie."""
        return self.token


class Access:
    """Finds out who is signed in, and sends who is not to do so."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now

    def serve(self, app: Flask) -> None:
        """Look after an application's requests."""
        manager = LoginManager(app, add_context_processor=False)
        # Looked up only where a template asks: the page that says that the database is away must not ask it who reads.
        app.jinja_env.globals["current_user"] = current_user
        manager.session_protection = None  # it binds to the address, and a phone has a new one every few minutes
        manager.user_loader(self._load)
        manager.unauthorized_handler(self._send_to_sign_in)

    def _load(self, token: str) -> Visitor | None:
        user = sign_ins.user_of(token, self._now())
        return None if user is None else Visitor(user, token)

    def _send_to_sign_in(self) -> AnyResponse:
        if request.blueprint == "live":
            abort(401)
        if request.method == "GET" and len(request.path) <= LONGEST_PATH:
            session["next"] = request.path  # never from the request's own words: there is nowhere else to be sent to
        flash("Please sign in first.")
        return redirect(url_for("accounts.sign_in"))


def signed_in(view: View) -> View:
    """Have a page be there only for who is signed in."""
    return cast(View, login_required(view))


def the_user() -> User:
    """Return who is signed in; only where somebody is."""
    return cast(Visitor, current_user).user


def let_in(user: User) -> AnyResponse:
    """Sign this browser in, under a new token, and send it to where it was going."""
    kept = {name: session[name] for name in KEPT if name in session}
    leave()
    session.update(kept)
    session.permanent = True
    login_user(Visitor(user, sign_ins.begin(user, present())))
    return redirect(session.pop("next", None) or url_for("lamps.mine"))


def leave() -> None:
    """Sign this browser out; of its session nothing is left."""
    if current_user.is_authenticated:
        sign_ins.end(cast(Visitor, current_user).token)
        logout_user()
    session.clear()


def present() -> datetime:
    """Return the instant of this request."""
    now: Callable[[], datetime] = current_app.config["NOW"]
    return now()


def source() -> str:
    """Return where a request comes from: the browser's address, as the server or its trusted proxy knows it."""
    try:
        return sources.client(request.remote_addr or "")
    except ValueError:  # a proxy that says nonsense
        return "unknown"


def refused(answer: Response, refusal: Refusal) -> Response:
    """Return a page that says why something was refused, with the status for that, and when to try again."""
    if isinstance(refusal, TooManyAttempts | TooManyGuesses):
        answer.status_code = 429
        return later(answer, refusal.retry_after.total_seconds())
    answer.status_code = 422
    return answer


def later(answer: Response, seconds: float) -> Response:
    """Return an answer that says when to ask again."""
    answer.headers["Retry-After"] = str(max(1, round(seconds)))
    return answer
