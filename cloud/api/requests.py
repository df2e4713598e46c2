"""Reading requests from strangers: the token, the body and its members, the parameters."""

import re
from collections.abc import Collection
from datetime import datetime
from http import HTTPStatus

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge

from cloud.api.problems import Problem, bad_member, unauthenticated
from cloud.guessing.sources import client
from cloud.identity.tokens import bearer
from cloud.models import User
from shared.errors import BadPayload
from shared.strict_json import MAX_BYTES, decode_object

JSON = "application/json"
LONGEST_TEXT = 200
"""Characters of the longest text that is looked at: a code or a name, with much white space in and around it."""

_WHOLE_NUMBER = re.compile(r"[0-9]{1,3}", re.ASCII)


def read_user(now: datetime) -> User:
    """Return who sends the present request.

    Raises:
        Problem: 401, where it has no token or one that is worth nothing.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    user = bearer(token.strip(), now) if scheme.lower() == "bearer" else None
    if user is None:
        raise unauthenticated()
    return user


def read_source() -> str:
    """Return where the present request comes from: the same name as a page's, since guesses are counted by it."""
    try:
        return client(request.remote_addr or "")
    except ValueError:  # a server that listens on a socket of this machine, and was not told whom it serves
        return "this machine"


def read_text_member(name: str) -> str:
    """Return the one member of the present request's body, which must be text.

    Raises:
        Problem: 415, 413, 400 or 422: it is not such a body.
    """
    if request.mimetype != JSON or request.mimetype_params.get("charset", "utf-8").lower() != "utf-8":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "", f"Send the body as {JSON}.")
    request.max_content_length = MAX_BYTES
    try:
        members = decode_object(request.get_data(cache=False))
    except RequestEntityTooLarge:
        raise too_large() from None
    except BadPayload as bad:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad-body", f"The body is {bad}.") from None
    _refuse_others(members, {name})
    value = members.get(name)
    if name not in members:
        raise bad_member(name, f"The member {name!r} is missing.")
    if not isinstance(value, str) or len(value) > LONGEST_TEXT:
        raise bad_member(name, f"{name!r} is not text of at most {LONGEST_TEXT} characters.")
    return value


def too_large() -> Problem:
    """Return the problem of a body that is not read to its end."""
    return Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "", f"A body has at most {MAX_BYTES} bytes.")


def read_page(most: int) -> tuple[str, int]:
    """Return the parameters ``after`` (empty for the beginning) and ``limit`` (1 to ``most``, which is the default).

    Raises:
        Problem: 422, where one can't be used.
    """
    _refuse_others(request.args, {"after", "limit"})
    for name, values in request.args.lists():
        if len(values) > 1:
            raise bad_member(name, f"{name!r} stands there twice.")
    after, limit = request.args.get("after", ""), request.args.get("limit", str(most))
    if after and not re.fullmatch(r"[0-9a-f]{12}", after, re.ASCII):
        raise bad_member("after", "'after' is not a device id: 12 lower-case hexadecimal characters.")
    if not _WHOLE_NUMBER.fullmatch(limit) or not 1 <= int(limit) <= most:
        raise bad_member("limit", f"'limit' is not a whole number from 1 to {most}.")
    return after, int(limit)


def refuse_parameters() -> None:
    """Let no parameter pass that means nothing: whoever sends one expects something of it.

    Raises:
        Problem: 422, where there is one.
    """
    _refuse_others(request.args, ())


def _refuse_others(given: Collection[str], known: Collection[str]) -> None:
    for name in given:
        if name not in known:
            raise bad_member(name[:LONGEST_TEXT].encode(errors="replace").decode(), "There is no such member here.")
