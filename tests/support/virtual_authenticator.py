"""Chromium's virtual authenticator: a device with passkeys, for the pages of one tab."""

from typing import Any

from playwright.sync_api import Page

_OPTIONS = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


class VirtualAuthenticator:
    """A device that verifies its user without asking anyone."""

    def __init__(self, page: Page) -> None:
        self._devtools = page.context.new_cdp_session(page)
        self._devtools.send("WebAuthn.enable")
        self._id = self._devtools.send("WebAuthn.addVirtualAuthenticator", {"options": _OPTIONS})["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        """Return the passkeys on the device, with their private keys."""
        found: list[dict[str, Any]] = self._send("getCredentials")["credentials"]
        return found

    def add(self, credential: dict[str, Any]) -> None:
        """Put a copy of another device's passkey on this one."""
        self._send("addCredential", credential=credential)

    def verify_user(self, verified: bool) -> None:
        """Let the device recognize its user from now on, or not."""
        self._send("setUserVerified", isUserVerified=verified)

    def _send(self, what: str, **parameters: object) -> dict[str, Any]:
        answer: dict[str, Any] = self._devtools.send(f"WebAuthn.{what}", {"authenticatorId": self._id, **parameters})
        return answer
