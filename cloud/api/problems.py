"""Problem details (RFC 9457) for all API errors."""

import json
import logging
import math
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus

from flask import Response
from werkzeug.exceptions import HTTPException

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
DATABASE_AWAY_SECONDS = 5


class Problem(Exception):
    """A failed request. ``kind`` is the machine-readable name, empty where the status is enough."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str = "",
        detail: str = "",
        *,
        member: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.kind = kind
        self.detail = detail
        self.member = member
        self.headers = headers or {}

    def response(self) -> Response:
        """Return the problem as a response."""
        document: dict[str, object] = {
            "type": f"urn:lampi:problem:{self.kind}" if self.kind else "about:blank",
            "title": self.kind.replace("-", " ").capitalize() if self.kind else self.status.phrase,
            "status": int(self.status),
        }
        if self.detail:
            document["detail"] = self.detail
        if self.member is not None:
            document["member"] = self.member
        return Response(json.dumps(document), int(self.status), self.headers, content_type=MEDIA_TYPE)


def bad_member(name: str, detail: str) -> Problem:
    """Return the problem for an invalid member or parameter."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-member", detail, member=name)


def unauthenticated() -> Problem:
    """Return the problem for a missing or invalid token. It does not reveal which."""
    detail = "Send 'Authorization: Bearer TOKEN' with a valid token."
    return Problem(HTTPStatus.UNAUTHORIZED, "", detail, headers={"WWW-Authenticate": 'Bearer realm="LAMPI"'})


def database_away() -> Problem:
    """Return the problem for an unavailable database."""
    detail = "Service temporarily unavailable; nothing was changed. Try again."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "", detail, headers=retry_after(DATABASE_AWAY_SECONDS))


def of_http(fault: HTTPException) -> Problem:
    """Return the problem for an HTTP error raised by Flask, such as 404 or 405."""
    status = HTTPStatus(fault.code or 500)
    kept = {name: value for name, value in fault.get_headers() if name.lower() in ("allow", "retry-after")}
    return Problem(status, "", fault.description or "", headers=kept)


def internal_error(fault: Exception) -> Problem:
    """Log an unexpected exception and return the problem for it."""
    log.error("Unexpected error in a request", exc_info=fault)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "", "Internal error. It has been logged.")


def retry_after(pause: timedelta | float) -> dict[str, str]:
    """Return a `Retry-After` header, in whole seconds and at least one."""
    seconds = pause.total_seconds() if isinstance(pause, timedelta) else pause
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
