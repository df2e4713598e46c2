"""What a trusted proxy reports about a request: the browser's address, HTTPS, and the page's sub-path."""

import logging
import re
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from waitress.proxy_headers import proxy_headers_middleware

from cloud.web.settings import WebSettings
from shared.protocol.errors import quoted

log = logging.getLogger(__name__)

LONGEST_PREFIX = 100

_HEADERS = {"x-forwarded-for", "x-forwarded-proto"}
_PREFIX = "HTTP_X_FORWARDED_PREFIX"
_SUB_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?", re.ASCII)
_REFUSED = b"X-Forwarded-Prefix is not a path such as /lamps. The proxy's configuration must be corrected.\n"


def behind_proxy(app: WSGIApplication, settings: WebSettings) -> WSGIApplication:
    """Return an application that applies the trusted proxy's headers, and removes those of anyone else.

    `X-Forwarded-Prefix` is the path below which the browser sees the page. The proxy must remove it from the path.
    """
    inner = proxy_headers_middleware(
        app,
        trusted_proxy=settings.trusted_proxy,
        trusted_proxy_count=settings.proxy_count,
        trusted_proxy_headers=_HEADERS if settings.trusted_proxy else None,
        clear_untrusted=True,
    )

    def with_prefix(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        prefix = environ.pop(_PREFIX, "").strip()
        if prefix and environ["REMOTE_ADDR"] == settings.trusted_proxy:  # here it is still the connection's address
            if len(prefix) > LONGEST_PREFIX or not _SUB_PATH.fullmatch(prefix):
                log.error("X-Forwarded-Prefix is not a path such as /lamps: %s", quoted(prefix[:LONGEST_PREFIX]))
                start_response("400 Bad Request", [("Content-Type", "text/plain"), ("Cache-Control", "no-store")])
                return [_REFUSED]
            environ["SCRIPT_NAME"] = prefix.rstrip("/")
        answer: Iterable[bytes] = inner(environ, start_response)
        return answer

    return with_prefix
