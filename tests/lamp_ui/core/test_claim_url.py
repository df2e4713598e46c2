"""The address of the page where a lamp is claimed: for the eye and for the camera."""

import pytest

from lamp_ui.core.claim_url import scanned_address, shown_address
from lamp_ui.geometry.qr import LEAST_MODULE_PIXELS, MOST_MODULES, QUIET_MODULES, fits_on_the_screen, qr_modules

CODE = "b71e094d0a8c4d0a8c4d0a8c4d0a8cff"


@pytest.mark.parametrize(
    ("url", "shown", "scanned"),
    [
        ("https://lamps.example.com", "lamps.example.com", f"https://lamps.example.com?code={CODE}"),
        ("http://lamps.example.com/claim/", "lamps.example.com/claim", f"http://lamps.example.com/claim/?code={CODE}"),
        ("https://a.example/?x=1#top", "a.example", f"https://a.example/?x=1&code={CODE}#top"),
        # What names the code already is taken as it is.
        (f"https://a.example/?c={CODE}", "a.example", f"https://a.example/?c={CODE}"),
        (f"https://a.example/{CODE}", None, f"https://a.example/{CODE}"),
        (f"https://a.example/#{CODE}", "a.example", f"https://a.example/#{CODE}"),
        ("HTTPS://a.example/", "a.example", f"https://a.example/?code={CODE}"),
        (f"https://a.example/{'x' * 60}", None, f"https://a.example/{'x' * 60}?code={CODE[:0]}{CODE}"[:0] or None),
    ],
)
def test_it_is_shown_as_one_types_it_and_scanned_with_the_full_code(
    url: str, shown: str | None, scanned: str | None
) -> None:
    assert shown_address(url) == shown
    assert scanned_address(url, CODE) == scanned


@pytest.mark.parametrize(
    "url",
    [
        None,
        "",
        "not an address",
        "javascript:alert(1)",
        "ftp://lamps.example.com/",
        "https://",
        "https://[broken",
        "https://lämpchen.example/",
        "https://a b.example/",
        "https://a\x7f.example/",
        "https://a.example@evil.example/",
        f"https://a.example/{'a' * 482}",
    ],
)
def test_an_unusable_address_is_not_shown(url: str | None) -> None:
    assert shown_address(url) is None
    assert scanned_address(url, CODE) is None


def test_every_address_that_is_scanned_fits_the_smallest_screen() -> None:
    longest = 0
    for length in range(120):
        address = scanned_address(f"https://a.example/{'a' * length}", CODE)
        if address is not None:
            longest = len(address)
            assert len(qr_modules(address)) <= MOST_MODULES
    assert longest == 106
    assert not fits_on_the_screen("a" * 107)
    assert (MOST_MODULES + 2 * QUIET_MODULES) * LEAST_MODULE_PIXELS <= 138
