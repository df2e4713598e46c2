"""Telling browsers that something changed: as server-sent events, or when they ask.

What they are told is one word that is another than before; what it means they learn from the page itself.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from flask import Blueprint, Response, request

from cloud.web.access import later, present, signed_in, the_user
from cloud.web.watch import Watcher, states_of

MOST_STREAMS = 200
"""Each holds one of the server's threads; browsers beyond that ask every few seconds instead."""

MOST_STREAMS_OF_ONE = 10

STREAM_SECONDS = 300.0
"""How long a stream lasts; the browser then asks for another, and must still be signed in for that."""

BEAT_SECONDS = 15.0
"""How often something is said at least, so that no proxy takes the silence for an end."""

LOOK_SECONDS = 1.0
"""How long a stream may keep its thread when the browser has left, or the program is to end."""


def pages(watcher: Watcher) -> Blueprint:
    """Return what browsers learn of changes from."""
    live = Blueprint("live", __name__)

    @live.get("/live")
    @signed_in
    def stream() -> Response:
        """Send an event at each change, beginning with what changed since the page was made."""
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
        """Say the present word, for browsers without a stream."""
        return Response(current_state(), mimetype="text/plain")

    return live


def current_state() -> str:
    """Return the word for what a page that is made now shows."""
    user_id = the_user().id
    return states_of([user_id], present())[user_id]


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
