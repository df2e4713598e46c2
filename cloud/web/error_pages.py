"""Error pages."""

import logging

import peewee
from flask import Flask, Response, make_response, render_template, request
from flask_babel import LazyString, gettext, lazy_gettext
from flask_wtf.csrf import CSRFError
from playhouse.pool import MaxConnectionsExceeded
from werkzeug.exceptions import HTTPException

from cloud.api import problems
from cloud.api.app import ROOT
from cloud.db.database import one_line
from cloud.errors import Overloaded, TooManyChanges, TooManyRequests, UnknownLamp, UnusableDatabase
from cloud.web.auth import later
from cloud.web.db_session import Store
from cloud.web.language import explained

log = logging.getLogger(__name__)

TRY_AGAIN_SECONDS = 5

_WORDS = {
    400: (lazy_gettext("Invalid request"), lazy_gettext("Go back and try again.")),
    404: (lazy_gettext("Page not found"), lazy_gettext("It doesn't exist, or you don't have access to it.")),
    405: (lazy_gettext("Action not available"), lazy_gettext("Go to your lamps and try again from there.")),
    413: (lazy_gettext("Input too long"), lazy_gettext("Go back, shorten your input and try again.")),
    500: (lazy_gettext("Something went wrong"), lazy_gettext("Check whether your change was saved, then try again.")),
}
_STALE = (
    lazy_gettext("This page has expired"),
    lazy_gettext("Nothing was changed. Go back, reload the page and try again."),
)
_NO_REFERRER = (
    lazy_gettext("Your browser didn't send the Referer header"),
    lazy_gettext("Nothing was changed. Allow the header for this site in your browser, then try again."),
)


def serve(app: Flask, store: Store) -> None:
    """Install the error pages in an application."""

    def database_fails(fault: Exception) -> Response:
        log.error("Database error: %s", one_line(fault) if isinstance(fault, peewee.PeeweeException) else fault)
        store.start_over()
        if request.path.startswith(ROOT):  # an unknown API path: known ones are handled by the API itself
            return problems.database_away().response()
        return later(make_response(render_template("away.html"), 503), TRY_AGAIN_SECONDS)

    for kind in (peewee.PeeweeException, UnusableDatabase, MaxConnectionsExceeded):
        app.register_error_handler(kind, database_fails)
    app.register_error_handler(Overloaded, _overloaded)
    app.register_error_handler(TooManyChanges, _too_many)
    app.register_error_handler(TooManyRequests, _too_many)
    app.register_error_handler(UnknownLamp, lambda _fault: _page(404, *_WORDS[404]))
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)


def _overloaded(fault: Overloaded) -> Response:
    return later(_page(503, gettext("The server is busy"), explained(fault)), TRY_AGAIN_SECONDS)


def _too_many(refusal: TooManyChanges | TooManyRequests) -> Response:
    return later(_page(429, gettext("Nothing was changed"), explained(refusal)), refusal.retry_after.total_seconds())


def _forged(_fault: CSRFError) -> Response:
    lacks_referrer = request.is_secure and not request.referrer
    return _page(400, *(_NO_REFERRER if lacks_referrer else _STALE))


def _http(fault: HTTPException) -> Response:
    status = fault.code or 500
    if status < 400 or request.blueprint == "live":
        return Response(status=status)
    answer = _page(status, *_WORDS.get(status, _WORDS[400 if status < 500 else 500]))
    for name, value in fault.get_headers():
        if name == "Allow":
            answer.headers[name] = value
    return answer


def _page(status: int, title: str | LazyString, advice: str | LazyString) -> Response:
    return make_response(render_template("fault.html", title=title, advice=advice), status)
