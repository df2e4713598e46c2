"""Error pages."""

import logging

import peewee
from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from playhouse.pool import MaxConnectionsExceeded
from werkzeug.exceptions import HTTPException

from cloud.api import problems
from cloud.api.app import ROOT
from cloud.db.database import one_line
from cloud.errors import Overloaded, UnknownLamp, UnusableDatabase
from cloud.web.auth import later
from cloud.web.db_session import Store

log = logging.getLogger(__name__)

TRY_AGAIN_SECONDS = 5

_WORDS = {
    400: ("Invalid request", "Go back and try again."),
    404: ("Page not found", "It doesn't exist, or you don't have access to it."),
    405: ("Action not available", "Go to your lamps and try again from there."),
    413: ("Input too long", "Go back, shorten your input and try again."),
    500: ("Something went wrong", "Check whether your change was saved, then try again."),
}
_STALE = ("This page has expired", "Nothing was changed. Go back, reload the page and try again.")
_NO_REFERRER = (
    "Your browser didn't send the Referer header",
    "Nothing was changed. Allow the header for this site in your browser, then try again.",
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
    app.register_error_handler(UnknownLamp, lambda _fault: _page(404, *_WORDS[404]))
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)


def _overloaded(fault: Overloaded) -> Response:
    return later(_page(503, "The server is busy", str(fault)), TRY_AGAIN_SECONDS)


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


def _page(status: int, title: str, advice: str) -> Response:
    return make_response(render_template("fault.html", title=title, advice=advice), status)
