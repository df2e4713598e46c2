"""The session's cookie: signed, out of scripts' reach, and bound to https where the page is."""

import contextlib

from flask import Flask, Request, has_request_context, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from peewee import PeeweeException

from cloud.errors import UnusableDatabase
from cloud.web.store import Store


class SecureCookies(SecureCookieSessionInterface):
    """Flask's signed cookie, with the secret that the database keeps.

    Over https it has the prefix `__Host-`: no other site on the same domain, and nobody on a connection without
    https, can put one of theirs in its place.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the browser's session; without the database there is none, and the request is refused soon after."""
        with contextlib.suppress(UnusableDatabase, PeeweeException):
            app.secret_key = self._store.secret()
            return super().open_session(app, request)
        return None

    def get_cookie_name(self, app: Flask) -> str:
        """Return the cookie's name."""
        return "__Host-lampi" if self.get_cookie_secure(app) else "lampi"

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - as Flask calls it
        """Tell whether the browser may show the cookie over https only."""
        return has_request_context() and request.is_secure
