"""The session cookie: signed, hidden from scripts, and restricted to HTTPS if the page is served over it."""

import contextlib

from flask import Flask, Request, has_request_context, request
from flask.sessions import SecureCookieSession, SecureCookieSessionInterface
from peewee import PeeweeException

from cloud.errors import UnusableDatabase
from cloud.web.db_session import Store


class SecureCookies(SecureCookieSessionInterface):
    """Flask's signed cookie, with the secret stored in the database.

    Over HTTPS it has the prefix `__Host-`, so that neither a subdomain nor a plain HTTP response can overwrite it.
    Below a sub-path it is sent for that path only, which `__Host-` doesn't allow; the prefix is `__Secure-` there.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def open_session(self, app: Flask, request: Request) -> SecureCookieSession | None:
        """Return the browser's session, or None while the database is unavailable and the request will fail anyway."""
        with contextlib.suppress(UnusableDatabase, PeeweeException):
            app.secret_key = self._store.secret()
            return super().open_session(app, request)
        return None

    def get_cookie_name(self, app: Flask) -> str:
        """Return the cookie's name, with `__Host-` over HTTPS, or `__Secure-` below a sub-path."""
        if not self.get_cookie_secure(app):
            return "lampi"
        return "__Secure-lampi" if request.script_root else "__Host-lampi"

    def get_cookie_path(self, app: Flask) -> str:  # noqa: ARG002 - Flask's signature
        """Return the sub-path of the page, or /."""
        return (request.script_root if has_request_context() else "") or "/"

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - Flask's signature
        """Return whether the cookie is restricted to HTTPS."""
        return has_request_context() and request.is_secure
