"""An authenticator in software: it makes passkeys and signs with them, honestly or as an attacker would."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url

PRESENT, VERIFIED, HAS_KEY = 1, 4, 64


@dataclass
class Authenticator:
    """A device with one passkey, in a browser that shows pages of an origin."""

    origin: str = "https://lamps.example.com"
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    count: int = 0
    credential: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    handle: str = ""

    def __post_init__(self) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())

    def create(self, options: str) -> str:
        """Make a passkey, as `navigator.credentials.create()` does; return the credential as JSON."""
        given = json.loads(options)
        self.handle = given["user"]["id"]
        point = self._key.public_key().public_numbers()
        key = {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.credential).to_bytes(2, "big") + self.credential + cbor2.dumps(key)
        data = self._data(given["rp"]["id"], self.flags | HAS_KEY) + attested
        attestation = cbor2.dumps({"fmt": "none", "attStmt": {}, "authData": data})
        client_data = self._client_data("webauthn.create", given)
        return self._json({"clientDataJSON": client_data, "attestationObject": attestation})

    def get(self, options: str) -> str:
        """Sign, as `navigator.credentials.get()` does; return the credential as JSON."""
        given = json.loads(options)
        self.count += self.counts
        signed = self._client_data("webauthn.get", given)
        data = self._data(given["rpId"], self.flags)
        signature = self._key.sign(data + hashlib.sha256(signed).digest(), ec.ECDSA(hashes.SHA256()))
        response = {"clientDataJSON": signed, "authenticatorData": data, "signature": signature}
        return self._json(response | {"userHandle": base64url_to_bytes(self.handle)})

    def _data(self, domain: str, flags: int) -> bytes:
        return hashlib.sha256(domain.encode()).digest() + bytes([flags]) + self.count.to_bytes(4, "big")

    def _client_data(self, kind: str, given: dict[str, Any]) -> bytes:
        return json.dumps({"type": kind, "challenge": given["challenge"], "origin": self.origin}).encode()

    def _json(self, response: dict[str, bytes]) -> str:
        name = bytes_to_base64url(self.credential)
        encoded = {member: bytes_to_base64url(value) for member, value in response.items()}
        return json.dumps({"id": name, "rawId": name, "type": "public-key", "response": encoded})
