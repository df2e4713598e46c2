"""The API as part of a Flask application. All responses under `/api` are JSON, including errors."""

import json
import logging
from http import HTTPStatus
from pathlib import Path

import peewee
from flask import Blueprint, Flask, Response, g, request
from playhouse.pool import MaxConnectionsExceeded
from werkzeug.exceptions import HTTPException, default_exceptions
from werkzeug.routing import BaseConverter, RequestRedirect

from cloud import errors
from cloud.api import problems
from cloud.api.lamp_states import states
from cloud.api.lamps import lamps
from cloud.api.offers import offers
from cloud.api.problems import Problem
from cloud.db.database import database_proxy, drop_connections, one_line

log = logging.getLogger(__name__)

ROOT = "/api/"
DOCUMENT = Path(__file__).with_name("openapi.json")


def register_api(app: Flask) -> None:
    """Add the API to an application whose process has opened the database.

    CSRF protection does not apply to the API, because it does not authenticate by cookie.
    """
    app.url_map.converters["device_id"] = DeviceIdConverter
    api = Blueprint("api", __name__, url_prefix=f"{ROOT}v1")
    api.register_blueprint(lamps)
    api.register_blueprint(offers)
    api.register_blueprint(states)
    api.add_url_rule("/openapi.json", view_func=_document)
    api.before_request(_open_database)
    api.teardown_request(_close_database)
    api.after_request(_keep_private)
    for status in default_exceptions:
        api.register_error_handler(status, _http_fault)
    api.register_error_handler(Problem, Problem.response)
    api.register_error_handler(errors.UserError, _refusal)
    for kind in (peewee.PeeweeException, MaxConnectionsExceeded):
        api.register_error_handler(kind, _database_fault)
    api.register_error_handler(Exception, _fault)
    app.before_request(_answer_unrouted)
    app.register_blueprint(api)
    if (forms := app.extensions.get("csrf")) is not None:
        forms.exempt(api)
        forms.exempt(lamps)
        forms.exempt(offers)
        forms.exempt(states)


class DeviceIdConverter(BaseConverter):
    """Device ids in URLs, spelled as in MQTT topics; anything else is not found."""

    regex = "[0-9a-f]{12}"


def _document() -> Response:
    document = DOCUMENT.read_bytes()
    if request.script_root:
        described = json.loads(document)
        described["servers"] = [{"url": request.script_root}]
        document = json.dumps(described).encode()
    return Response(document, content_type="application/json")


def _open_database() -> None:
    g.opened_by_api = database_proxy.connect(reuse_if_open=True)


def _close_database(_fault: BaseException | None) -> None:
    if g.pop("opened_by_api", False):
        database_proxy.close()


def _keep_private(response: Response) -> Response:
    response.headers.setdefault("Cache-Control", "no-store")
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    return response


def _answer_unrouted() -> Response | None:
    """Handle requests without a route under `/api`, which no blueprint receives."""
    fault = request.routing_exception
    if fault is None or isinstance(fault, RequestRedirect) or not request.path.startswith(ROOT):
        return None
    return _keep_private(problems.of_http(fault).response())


def _http_fault(fault: HTTPException) -> Response:
    return problems.of_http(fault).response()


def _refusal(refusal: errors.UserError) -> Response:
    return problem_of(refusal).response()


def problem_of(refusal: errors.UserError) -> Problem:
    """Return the problem details for a refusal."""
    match refusal:
        case errors.MalformedCode():
            found = Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "malformed-code", str(refusal), member="code")
        case errors.BadLampName():
            found = problems.bad_member("name", str(refusal))
        case errors.UnknownCode() | errors.AlreadyAssociated():  # clients must not learn which of the two it is
            found = Problem(HTTPStatus.CONFLICT, "unknown-code", f"{errors.UnknownCode()} {errors.UnknownCode.hint}")
        case errors.OwnOffer():
            found = Problem(HTTPStatus.CONFLICT, "own-offer", str(refusal))
        case errors.NoResetRequest():
            found = Problem(HTTPStatus.CONFLICT, "no-reset-request", str(refusal))
        case errors.TooManyGuesses():
            headers = problems.retry_after(refusal.retry_after)
            found = Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-guesses", str(refusal), headers=headers)
        case errors.TooManyChanges():
            headers = problems.retry_after(refusal.retry_after)
            found = Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-changes", str(refusal), headers=headers)
        case errors.TooManyRequests():
            headers = problems.retry_after(refusal.retry_after)
            found = Problem(HTTPStatus.TOO_MANY_REQUESTS, "too-many-requests", str(refusal), headers=headers)
        case errors.UnknownLamp() | errors.NotOffered():
            found = Problem(HTTPStatus.NOT_FOUND, "", str(refusal))
        case errors.UnusableDatabase():
            found = problems.database_away()
        case _:
            found = problems.internal_error(refusal)
    return found


def _database_fault(fault: Exception) -> Response:
    log.error("Database error, responding with 503: %s", one_line(fault))
    drop_connections()  # broken connections would fail the next requests too
    return problems.database_away().response()


def _fault(fault: Exception) -> Response:
    return problems.internal_error(fault).response()
