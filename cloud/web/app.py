"""Composition root of the web application."""

from collections.abc import Callable
from datetime import datetime

from flask import Flask
from flask_wtf import CSRFProtect

from cloud.api.app import register_api
from cloud.auth.sessions import LASTS_FOR
from cloud.db.timestamps import utc_now
from cloud.web import (
    accounts,
    associate,
    error_pages,
    handover,
    lamp_page,
    lamps,
    language,
    live,
    own_account,
    passkeys,
    security,
    template_filters,
)
from cloud.web.auth import Access
from cloud.web.cookies import SecureCookies
from cloud.web.db_session import Store
from cloud.web.settings import WebSettings
from cloud.web.watch import Watcher

LARGEST_REQUEST = 32 * 1024
"""Bytes. Far more than any form needs."""


def create_app(settings: WebSettings, *, now: Callable[[], datetime] = utc_now) -> Flask:
    """Return the WSGI application. The first request opens the database; later ones retry if it is unavailable."""
    app = Flask(__name__)
    store = Store(settings.database_url, sign_up_open=settings.sign_up_open)
    watcher = Watcher(store, now)
    app.config.update(
        NOW=now,
        HAS_PROXY=settings.trusted_proxy is not None,
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        SESSION_COOKIE_SAMESITE="Lax",  # "Strict" would drop the session when a QR reader opens the link
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=LASTS_FOR,
        WTF_CSRF_TIME_LIMIT=None,  # a form stays valid as long as its session
    )
    app.url_map.merge_slashes = False  # merging redirects to the request's Host header, which a client can forge
    app.extensions["watcher"] = watcher
    app.session_interface = SecureCookies(store)
    store.serve(app)  # first: the handlers below read the database
    CSRFProtect(app)
    Access(now).serve(app)
    security.serve(app)
    language.serve(app)
    error_pages.serve(app, store)
    template_filters.serve(app)
    blueprints = (
        accounts.pages(settings.sign_up_open),
        own_account.pages,
        passkeys.pages,
        lamps.pages,
        lamp_page.pages,
        associate.pages,
        handover.pages,
        live.pages(watcher),
    )
    for pages in blueprints:
        app.register_blueprint(pages)
    register_api(app)
    return app
