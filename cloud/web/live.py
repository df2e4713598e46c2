"""Change notifications for browsers, by server-sent events or polling.

A notification about a user's lists is only a new state hash; the browser then reloads the page's content. One about a
lamp is what the lamp shows.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, abort, request
from flask_login import current_user

from cloud.auth import sessions
from cloud.services.lamp_states import Followed, look_at
from cloud.services.ownership import lamp_of
from cloud.services.page_state import states_of
from cloud.web.auth import current_time, later, signed_in, the_user
from cloud.web.lamp_json import as_json
from cloud.web.watch import Subject, Watcher

MOST_STREAMS = 200
"""Each stream holds a server thread; further browsers poll every few seconds instead."""

MOST_STREAMS_OF_ONE = 10

STREAM_SECONDS = 300.0
"""Lifetime of a stream. The browser then reconnects, which checks that it is still signed in."""

BEAT_SECONDS = 15.0
"""Longest silence on a stream, to keep proxies from closing it."""

LOOK_SECONDS = 1.0
"""How often a stream checks whether its browser has left or the server is stopping."""


def pages(watcher: Watcher) -> Blueprint:
    """Return the blueprint with the stream and the polling endpoint."""
    live = Blueprint("live", __name__)
    live.before_request(_same_session)

    @live.get("/live")
    @signed_in
    def stream() -> Response:
        """Send an event for each change, including those made since the page was rendered."""
        return _stream(watcher, the_user().id, "change", request.args.get("seen", "")[:16])

    @live.get("/lamps/<device_id>/live")
    @signed_in
    def lamp_stream(device_id: str) -> Response:
        """Send what a lamp shows, now and after each change."""
        lamp_of(the_user(), device_id)
        return _stream(watcher, Followed(the_user().id, device_id), "state", "")

    @live.get("/lamps/<device_id>/state")
    @signed_in
    def lamp_state(device_id: str) -> Response:
        """Return what a lamp shows, for browsers without a stream."""
        view = look_at(the_user(), device_id, current_time())
        return Response(as_json(view), mimetype="application/json")

    @live.get("/live/state")
    @signed_in
    def state() -> Response:
        """Return the current state hash, for browsers without a stream."""
        return Response(current_state(), mimetype="text/plain")

    return live


def _same_session() -> None:
    """Refuse a page that was rendered for another session of this browser, so that it reloads."""
    if (
        current_user.is_authenticated
        and request.args.get("session", current_user.page_session) != current_user.page_session
    ):
        abort(401)


def current_state() -> str:
    """Return the hash of the state that a page rendered now would show."""
    user_id = the_user().id
    return states_of([user_id], current_time())[user_id]


def _stream(watcher: Watcher, subject: Subject, event: str, seen: str) -> Response:
    user_id = the_user().id
    if watcher.count() >= MOST_STREAMS or watcher.count(user_id) >= MOST_STREAMS_OF_ONE or watcher.stopped:
        return later(Response(status=503), 60)
    held = ExitStack()
    session = sessions.key_of(current_user.token)
    held.enter_context(watcher.following(subject, session))
    gone: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)
    shows_lamp = isinstance(subject, Followed)  # the other streams bring no more than a hash
    events = _events(watcher, subject, event, seen, lambda: gone() or (shows_lamp and watcher.has_ended(session)))
    answer = Response(events, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
    answer.call_on_close(held.close)
    return answer


def _events(watcher: Watcher, subject: Subject, event: str, seen: str, left: Callable[[], bool]) -> Iterator[str]:
    began = beat = time.monotonic()
    yield "retry: 2000\n\n"
    while not (watcher.stopped or left() or time.monotonic() > began + STREAM_SECONDS):
        state = watcher.wait(subject, seen, LOOK_SECONDS)
        if state is not None:
            seen = state
            yield f"event: {event}\ndata: {state}\n\n"
        elif time.monotonic() < beat + BEAT_SECONDS:
            continue
        else:
            yield ":\n\n"
        beat = time.monotonic()
