"""The WSGI server of the page: waitress, whose threads carry pages and streams of events alike.

A stream of events holds a thread while it lasts, in every WSGI server with threads; a thread that waits costs some
tens of kilobytes. Waitress reads requests and sends answers on one loop, so that a slow client holds none, it tells a
stream when its browser has left, and it is one process, which knows its one watcher and ends in good order.
"""

import logging
import signal
from types import FrameType

from waitress.server import create_server

from cloud.errors import Refusal
from cloud.web.app import LARGEST_REQUEST, create_app
from cloud.web.config import WebSettings
from cloud.web.live import MOST_STREAMS
from cloud.web.watch import Watcher

log = logging.getLogger(__name__)

PAGE_THREADS = 16
MOST_CLIENTS = 1000
MOST_RECEIVED = 2 * LARGEST_REQUEST
"""Bytes. A body that has more is not even received; one between gets the page that says so."""

_FORWARDED = {"x-forwarded-for", "x-forwarded-proto"}


def serve(settings: WebSettings, host: str, port: int) -> None:
    """Answer browsers until a TERM or INT signal; then end within seconds.

    Raises:
        Refusal: nobody can listen there.
    """
    app = create_app(settings)
    watcher: Watcher = app.extensions["watcher"]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # a request that waits for a moment is no warning
    proxy = (
        {"trusted_proxy": settings.trusted_proxy, "trusted_proxy_count": 1, "trusted_proxy_headers": _FORWARDED}
        if settings.trusted_proxy
        else {}
    )
    try:
        server = create_server(
            app,
            host=host,
            port=port,
            threads=PAGE_THREADS + MOST_STREAMS,
            connection_limit=MOST_CLIENTS,
            max_request_body_size=MOST_RECEIVED,
            channel_request_lookahead=1,  # else nobody notices that a browser left its stream
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=True,
            ident="LAMPI",
            **proxy,
        )
    except OSError as fault:
        raise Refusal(f"The page can't listen on {host}, port {port}: {fault.strerror}.") from None

    def stop(_signal_number: int, _frame: FrameType | None) -> None:
        watcher.request_stop()  # else the server would wait in vain for the threads of streams
        raise SystemExit

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, stop)
    places = getattr(server, "effective_listen", None) or [(server.effective_host, server.effective_port)]
    for at, listened in places:  # a name such as localhost may stand for two addresses
        log.info("The page is at http://%s:%s", f"[{at}]" if ":" in at else at, listened)
    try:
        server.run()
    finally:
        watcher.stop()
        server.close()
        log.info("The page is closed")
