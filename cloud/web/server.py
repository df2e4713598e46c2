"""The WSGI server (waitress), whose threads serve both pages and event streams.

As in any threaded WSGI server, an event stream holds a thread; an idle thread costs some tens of kilobytes. Waitress
reads requests and sends responses on one event loop, so slow clients hold no thread. It reports when a stream's browser
has left. It runs in one process, which can share one watcher and shut down cleanly.
"""

import logging
import signal
from types import FrameType

from waitress.server import create_server

from cloud.errors import UserError
from cloud.web.app import LARGEST_REQUEST, create_app
from cloud.web.live import MOST_STREAMS
from cloud.web.proxy import behind_proxy
from cloud.web.settings import WebSettings
from cloud.web.watch import Watcher

log = logging.getLogger(__name__)

PAGE_THREADS = 16
MOST_CLIENTS = 1000
MOST_RECEIVED = 2 * LARGEST_REQUEST
"""Bytes. The server rejects larger bodies unread; those above `LARGEST_REQUEST` get the 413 error page."""


def serve(settings: WebSettings, host: str, port: int) -> None:
    """Serve requests until SIGTERM or SIGINT, then stop within seconds.

    Raises:
        UserError: the address can't be listened on.
    """
    app = create_app(settings)
    watcher: Watcher = app.extensions["watcher"]
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # briefly queued requests are normal
    try:
        server = create_server(
            behind_proxy(app, settings),
            host=host,
            port=port,
            threads=PAGE_THREADS + MOST_STREAMS,
            connection_limit=MOST_CLIENTS,
            max_request_body_size=MOST_RECEIVED,
            channel_request_lookahead=1,  # needed to detect that a browser has left its stream
            asyncore_use_poll=True,
            clear_untrusted_proxy_headers=False,  # `behind_proxy` does it
            ident="LAMPI",
        )
    except OSError as fault:
        raise UserError(f"Can't listen on {host}, port {port}: {fault.strerror}.") from None

    def stop(_signal_number: int, _frame: FrameType | None) -> None:
        watcher.request_stop()  # otherwise the server would wait for the stream threads
        raise SystemExit

    for signal_number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(signal_number, stop)
    places = getattr(server, "effective_listen", None) or [(server.effective_host, server.effective_port)]
    for at, listened in places:  # a name such as localhost can resolve to two addresses
        log.info("Listening on http://%s:%s", f"[{at}]" if ":" in at else at, listened)
    try:
        server.run()
    finally:
        watcher.stop()
        server.close()
        log.info("Server stopped")
