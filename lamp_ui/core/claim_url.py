"""The address at which a lamp is claimed: as text to type, and as the content of the QR code. Pure."""

from urllib.parse import SplitResult, urlencode, urlsplit, urlunsplit

from lamp_ui.geometry.qr import fits_on_the_screen

LONGEST_SHOWN_ADDRESS = 32
"""Maximum length, in characters, of an address to read and type."""


def shown_address(url: str | None) -> str | None:
    """Return the part of a URL to type, or None if it is missing, invalid or too long.

    The query is left out: it is only for the QR code, which contains the code.
    """
    parts = _web_address(url)
    if parts is None:
        return None
    address = parts.netloc + parts.path.rstrip("/")
    return address if len(address) <= LONGEST_SHOWN_ADDRESS else None


def scanned_address(url: str | None, code: str) -> str | None:
    """Return the content of the QR code, or None if no QR code is shown.

    It is the URL if that contains the code, otherwise the URL with the code added as the query parameter ``code``.
    There is no QR code if the URL is not http(s), or the cells would be too small on the smallest screen.
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
        return None  # a user name before an @ can look like the host: https://lamps.example.com@evil.example
    return parts
