"""Cookies: signed, hidden from scripts, and restricted to HTTPS if the page is served over it."""

import contextlib

from flask import Flask, Request, current_app, has_request_context, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from peewee import PeeweeException
from werkzeug.wrappers import Response

from cloud.auth.known_browsers import LASTS_FOR, BrowserTokens
from cloud.errors import UnusableDatabase
from cloud.web.db_session import Store

_KNOWN_BROWSER = "lampi-known"


class SecureCookies(SecureCookieSessionInterface):
    """Flask's signed cookie, with the secret stored in the database."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the browser's session, or None while the database is unavailable and the request will fail anyway."""
        with contextlib.suppress(UnusableDatabase, PeeweeException):
            app.secret_key = self._store.secret()
            return super().open_session(app, request)
        return None

    def get_cookie_name(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        """Return the cookie's name."""
        return _prefixed("lampi") if has_request_context() else "lampi"

    def get_cookie_path(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        """Return the sub-path of the page, or /."""
        return _path() if has_request_context() else "/"

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask's signature
        """Return whether the cookie is restricted to HTTPS."""
        return has_request_context() and request.is_secure


def browser_tokens() -> BrowserTokens:
    """Return the tokens by which this browser is known to users."""
    return BrowserTokens.parse(request.cookies.get(_prefixed(_KNOWN_BROWSER), ""), str(current_app.secret_key))


def keep_tokens(answer: Response, tokens: BrowserTokens) -> None:
    """Store tokens in the browser. Signing out leaves them."""
    answer.set_cookie(
        _prefixed(_KNOWN_BROWSER),
        tokens.text,
        max_age=LASTS_FOR,
        path=_path(),
        secure=request.is_secure,
        httponly=True,
        samesite="Strict",  # only the form of this page, which posts to this page, needs it
    )


def _prefixed(name: str) -> str:
    """Return a cookie's name with the prefix for HTTPS.

    `__Host-` keeps subdomains and plain HTTP responses from overwriting the cookie. Below a sub-path the cookie is sent
    for that path only, which `__Host-` doesn't allow; the prefix is `__Secure-` there.
    """
    if not request.is_secure:
        return name
    return f"__Secure-{name}" if request.script_root else f"__Host-{name}"


def _path() -> str:
    return request.script_root or "/"
