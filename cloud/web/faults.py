"""What a person sees when something can't be done: a page that says what to do next."""

import logging

import peewee
from flask import Flask, Response, make_response, render_template, request
from flask_wtf.csrf import CSRFError
from playhouse.pool import MaxConnectionsExceeded
from werkzeug.exceptions import HTTPException

from cloud.api import problems
from cloud.api.app import ROOT
from cloud.database import one_line
from cloud.errors import UnknownLamp, UnusableDatabase
from cloud.web.access import later
from cloud.web.store import Store

log = logging.getLogger(__name__)

TRY_AGAIN_SECONDS = 5

_WORDS = {
    400: ("That did not arrive whole", "Please go back and try it again."),
    404: ("There is nothing here", "Either it never was, or it is not yours (any more)."),
    405: ("That can't be done here", "Please take the links and buttons of the pages."),
    413: ("That was too much", "Please go back and write less."),
    500: ("Something went wrong here", "It is not your fault. Please try again; nothing was changed by halves."),
}
_STALE = ("This page was open for too long", "Nothing was changed. Please try it again from here.")
_FROM_NOWHERE = (
    "Your browser did not say which page this came from",
    "Nothing was changed. Please let it send this site its own addresses (the Referer header), and try again.",
)


def serve(app: Flask, store: Store) -> None:
    """Answer an application's faults with pages."""

    def database_fails(fault: Exception) -> Response:
        log.error("The database fails: %s", one_line(fault) if isinstance(fault, peewee.PeeweeException) else fault)
        store.start_over()
        if request.path.startswith(ROOT):  # it leads nowhere: what does is answered by the API itself
            return problems.database_away().response()
        return later(make_response(render_template("away.html"), 503), TRY_AGAIN_SECONDS)

    for kind in (peewee.PeeweeException, UnusableDatabase, MaxConnectionsExceeded):
        app.register_error_handler(kind, database_fails)
    app.register_error_handler(UnknownLamp, lambda _fault: _page(404, *_WORDS[404]))
    app.register_error_handler(CSRFError, _forged)
    app.register_error_handler(HTTPException, _http)


def _forged(_fault: CSRFError) -> Response:
    from_nowhere = request.is_secure and not request.referrer
    return _page(400, *(_FROM_NOWHERE if from_nowhere else _STALE))


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
