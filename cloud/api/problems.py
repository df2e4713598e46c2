"""Problem details (RFC 9457): every refusal and every fault as JSON that a program can tell apart."""

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
    """Why a request is not done; ``kind`` is its name for programs, or empty where the status says it all."""

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
        """Return what the client gets."""
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
    """Return the problem of a member, or a parameter, that is not as it should be."""
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-member", detail, member=name)


def unauthenticated() -> Problem:
    """Return the problem of a request without a token that counts: which of the reasons it is, nobody is told."""
    detail = "Send 'Authorization: Bearer TOKEN' with a token that has not been revoked."
    return Problem(HTTPStatus.UNAUTHORIZED, "", detail, headers={"WWW-Authenticate": 'Bearer realm="LAMPI"'})


def database_away() -> Problem:
    """Return the problem of a database that does not answer."""
    detail = "The database does not answer just now; nothing was changed. Please try again."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "", detail, headers=retry_after(DATABASE_AWAY_SECONDS))


def of_http(fault: HTTPException) -> Problem:
    """Return the problem that Flask itself found: no such resource, a method that it does not have, and so on."""
    status = HTTPStatus(fault.code or 500)
    kept = {name: value for name, value in fault.get_headers() if name.lower() in ("allow", "retry-after")}
    return Problem(status, "", fault.description or "", headers=kept)


def of_ours(fault: Exception) -> Problem:
    """Return the problem of a fault that is not the client's, and log it."""
    log.error("A request failed for a fault of ours", exc_info=fault)
    return Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "", "That is a fault of ours, and has been logged.")


def retry_after(pause: timedelta | float) -> dict[str, str]:
    """Return the header that says when to come again, in whole seconds and at least one."""
    seconds = pause.total_seconds() if isinstance(pause, timedelta) else pause
    return {"Retry-After": str(max(1, math.ceil(seconds)))}
