"""Validation of untrusted requests: token, body, members and parameters."""

import re
from collections.abc import Collection
from datetime import datetime
from http import HTTPStatus
from typing import Any

from flask import current_app, request
from werkzeug.exceptions import RequestEntityTooLarge

from cloud.api.problems import Problem, bad_member, unauthenticated
from cloud.auth.api_tokens import bearer
from cloud.store import sources
from cloud.store.lamps import User
from shared.protocol.errors import BadPayload
from shared.protocol.strict_json import MAX_BYTES, decode_object

JSON = "application/json"
LONGEST_TEXT = 200
"""Characters. Enough for a code or a lamp name with generous white space."""

_WHOLE_NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)


def read_user(now: datetime) -> User:
    """Return the user whose token the current request carries.

    Raises:
        Problem: 401, the token is missing or invalid.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user = bearer(token.strip(), now) if scheme.lower() == "bearer" else None
    if user is None:
        raise unauthenticated()
    return user


def read_source() -> str:
    """Return the current request's source, in the same form as for the web page: guesses are counted by source."""
    forwarded = request.headers.get("X-Forwarded-For", "") if current_app.config.get("HAS_PROXY") else ""
    return sources.of_request(forwarded, request.remote_addr or "")


def read_text_member(name: str) -> str:
    """Return the text of the only member of the current request's body.

    Raises:
        Problem: 415, 413, 400 or 422, depending on what is wrong with the body.
    """
    members = read_members({name})
    value = members.get(name)
    if name not in members:
        raise bad_member(name, f"{name!r} is required.")
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise bad_member(name, f"{name!r} must be a string of at most {LONGEST_TEXT} characters.")
    return value


def read_members(known: Collection[str]) -> dict[str, Any]:
    """Return the members of the current request's body, all of which must be ``known``.

    Raises:
        Problem: 415, 413, 400 or 422, depending on what is wrong with the body.
    """
    if request.mimetype != JSON or request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "", f"Send the body as {JSON}.")
    request.max_content_length = MAX_BYTES
    try:
        members = decode_object(request.get_data(cache=False))
    except RequestEntityTooLarge:
        raise too_large() from None
    except BadPayload as bad:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-body", f"Invalid body: {bad}.") from None
    refuse_others(members, known)
    return members


def too_large() -> Problem:
    """Return the problem for a body that exceeds the limit."""
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "", f"The body must not exceed {MAX_BYTES} bytes.")


def read_page(most: int) -> tuple[str, int]:
    """Return the parameters ``after`` (empty for the first page) and ``limit`` (1 to ``most``, the default).

    Raises:
        Problem: 422, a parameter is invalid.
    """
    refuse_others(request.args, {"after", "limit"})
    for name, values in request.args.lists():
        if len(values) > 1:
            raise bad_member(name, f"{name!r} must not be repeated.")
    after, limit = request.args.get("after", ""), request.args.get("limit", str(most))
    if after and not re.fullmatch(r"[0-9a-f]{12}", after, re.ASCII):
        raise bad_member("after", "'after' must be a device id: 12 lowercase hexadecimal characters.")
    if not _WHOLE_NUMBER.fullmatch(limit) or not 1 <= int(limit) <= most:
        raise bad_member("limit", f"'limit' must be a whole number from 1 to {most}.")
    return after, int(limit)


def refuse_parameters() -> None:
    """Reject all parameters: ignoring one would hide a client's mistake.

    Raises:
        Problem: 422, there is a parameter.
    """
    refuse_others(request.args, ())


def refuse_others(given: Collection[str], known: Collection[str]) -> None:
    """Reject members or parameters that are not ``known``.

    Raises:
        Problem: 422, there is one.
    """
    for name in given:
        if name not in known:
            raise bad_member(name[:LONGEST_TEXT].encode(errors="replace").decode(), "Unknown member or parameter.")
