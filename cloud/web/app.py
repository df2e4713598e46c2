"""The composition root of the page: everything that answers a request is put together here."""

from collections.abc import Callable
from datetime import datetime

from flask import Flask
from flask_wtf import CSRFProtect

from cloud.api.app import register_api
from cloud.identity.sign_ins import LASTS_FOR
from cloud.instants import utc_now
from cloud.web import accounts, associate, faults, lamps, live, security, shown
from cloud.web.access import Access
from cloud.web.config import WebSettings
from cloud.web.cookies import SecureCookies
from cloud.web.store import Store
from cloud.web.watch import Watcher

LARGEST_REQUEST = 32 * 1024
"""Bytes. No form of ours has nearly as much."""


def create_app(settings: WebSettings, *, now: Callable[[], datetime] = utc_now) -> Flask:
    """Return the application, ready for a WSGI server; the database is opened with the first request that finds it."""
    app = Flask(__name__)
    store = Store(settings.database_url)
    watcher = Watcher(store, now)
    app.config.update(
        NOW=now,
        MAX_CONTENT_LENGTH=LARGEST_REQUEST,
        SESSION_COOKIE_SAMESITE="Lax",  # else nobody would be signed in who comes from a QR reader's page
        SESSION_REFRESH_EACH_REQUEST=False,
        PERMANENT_SESSION_LIFETIME=LASTS_FOR,
        WTF_CSRF_TIME_LIMIT=None,  # a form is good for as long as its session
    )
    app.url_map.merge_slashes = False  # it redirects to whatever host a request names, and no link of ours needs it
    app.extensions["watcher"] = watcher
    app.session_interface = SecureCookies(store)
    store.serve(app)  # first: what comes after it reads the database
    CSRFProtect(app)
    Access(now).serve(app)
    security.serve(app)
    faults.serve(app, store)
    shown.serve(app)
    for pages in (accounts.pages(settings.sign_up_open), lamps.pages, associate.pages, live.pages(watcher)):
        app.register_blueprint(pages)
    register_api(app)
    return app
