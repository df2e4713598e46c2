"""Names of browsers and systems."""

import pytest

from cloud.web.user_agents import browser_in

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("user_agent", "expected"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", ("Firefox", "Linux")),
        (f"Mozilla/5.0 (Linux; Android 16; K) {WEBKIT} Chrome/142.0.0.0 Mobile Safari/537.36", ("Chrome", "Android")),
        (
            f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {WEBKIT} Chrome/142.0 Safari/537.36 Edg/142.0",
            ("Edge", "Windows"),
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
            "Version/26.0 Mobile/15E148 Safari/604.1",
            ("Safari", "iPhone"),
        ),
        (f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {WEBKIT} Chrome/142.0.0.0 Safari/537.36", ("Chrome", "ChromeOS")),
        ("curl/8.14", ("", "")),
        ("", ("", "")),
    ],
)
def test_a_browser_is_named(user_agent: str, expected: tuple[str, str]) -> None:
    assert browser_in(user_agent) == expected
