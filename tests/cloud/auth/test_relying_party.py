"""Under which addresses the page has passkeys."""

import pytest

from cloud.auth.relying_party import RelyingParty, relying_party

CLAIM_URL = "https://lamps.example.com/associate"


@pytest.mark.parametrize(
    ("own", "public", "expected"),
    [
        ("https://lamps.example.com/", CLAIM_URL, RelyingParty("lamps.example.com", "https://lamps.example.com")),
        ("https://LAMPS.example.com:443/", CLAIM_URL, RelyingParty("lamps.example.com", "https://lamps.example.com")),
        ("https://lamps.example.com/", None, RelyingParty("lamps.example.com", "https://lamps.example.com")),
        ("https://lamps.example.com:8443/", None, RelyingParty("lamps.example.com", "https://lamps.example.com:8443")),
        ("http://localhost:5000/", None, RelyingParty("localhost", "http://localhost:5000")),
        ("http://localhost:5000/", "http://127.0.0.1:5000/x", RelyingParty("localhost", "http://localhost:5000")),
        ("https://evil.example/", CLAIM_URL, None),
        ("https://lamps.example.com:8443/", CLAIM_URL, None),
        ("http://lamps.example.com/", None, None),
        ("https://192.0.2.1/", None, None),
        ("https://[2001:db8::1]/", None, None),
        ("http://127.0.0.1:5000/", None, None),
        ("https://lamps.example.com:x/", None, None),
        ("", None, None),
    ],
)
def test_a_domain_over_https_or_this_machine(own: str, public: str | None, expected: RelyingParty | None) -> None:
    assert relying_party(own, public) == expected
