"""Where a lamp is claimed: the address as a person types it, and as a camera reads it. Pure."""

from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from lamp_ui.qr import fits_on_the_screen

LONGEST_SHOWN_ADDRESS = 32
"""Characters of a web address that a person at a small screen will still read and type."""


def shown_address(url: str | None) -> str | None:
    """Return what a person types of a URL, or None where that is too much, or nothing.

    The query is left out: it is for the camera's copy of the address, which brings the code along.
    """
    parts = _web_address(url)
    if parts is None:
        return None
    address = parts.netloc + parts.path.rstrip("/")
    return address if len(address) <= LONGEST_SHOWN_ADDRESS else None


def scanned_address(url: str | None, code: str) -> str | None:
    """Return what the QR code says: the URL, with the full code in it; None where no QR code is shown.

    A URL that names the code already is taken as it is; to any other the code is added as the
    query's ``code``. One that is not http(s), or that makes a QR code too fine for the smallest
    screen, is not shown.
    """
    parts = _web_address(url)
    if parts is None:
        return None
    if code not in parts.path + parts.query + parts.fragment:
        query = "&".join(part for part in (parts.query, urlencode({"code": code})) if part)
        parts = parts._replace(query=query)
    address = urlunsplit(parts)
    return address if fits_on_the_screen(address) else None


def _web_address(url: str | None) -> SplitResult | None:
    if not url or not url.isascii() or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None  # a name before an @ is not where one goes, only what one is to believe
    return parts
