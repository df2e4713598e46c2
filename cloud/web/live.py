"""Change notifications for browsers, by server-sent events or polling.

A notification is only a new state hash; the browser then reloads the page's content.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, abort, request
from flask_login import current_user

from cloud.services.page_state import states_of
from cloud.web.auth import current_time, later, signed_in, the_user
from cloud.web.watch import Watcher

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
        user_id = the_user().id
        if watcher.count() >= MOST_STREAMS or watcher.count(user_id) >= MOST_STREAMS_OF_ONE or watcher.stopped:
            return later(Response(status=503), 60)
        held = ExitStack()
        held.enter_context(watcher.following(user_id))
        left: Callable[[], bool] = request.environ.get("waitress.client_disconnected", lambda: False)
        events = _events(watcher, user_id, request.args.get("seen", "")[:16], left)
        answer = Response(events, mimetype="text/event-stream", headers={"X-Accel-Buffering": "no"})
        answer.call_on_close(held.close)
        return answer

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


def _events(watcher: Watcher, user_id: int, seen: str, left: Callable[[], bool]) -> Iterator[str]:
    began = beat = time.monotonic()
    yield "retry: 2000\n\n"
    while not (watcher.stopped or left() or time.monotonic() > began + STREAM_SECONDS):
        state = watcher.wait(user_id, seen, LOOK_SECONDS)
        if state is not None:
            seen = state
            yield f"event: change\ndata: {state}\n\n"
        elif time.monotonic() < beat + BEAT_SECONDS:
            continue
        else:
            yield ":\n\n"
        beat = time.monotonic()
