"""Registering a passkey, and signing in with one: WebAuthn's two ceremonies.

A passkey replaces the password, so the authenticator must verify its user each time: by a fingerprint, a face or a PIN.
Passkeys are discoverable: the browser offers them without a username. Attestation is not asked for, since every
authenticator is accepted.
"""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import webauthn
from webauthn.helpers import base64url_to_bytes, bytes_to_base64url
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from cloud.auth import passkeys
from cloud.auth.passkey_challenges import LASTS_FOR, make_challenge, use_challenge
from cloud.auth.passkeys import Passkey
from cloud.auth.relying_party import RelyingParty
from cloud.auth.sign_in_limits import QUARTER, by_network, success_limits
from cloud.errors import BadPasskey, UnknownPasskey
from cloud.rate_limit import attempts
from cloud.store.users import User, name_key

T = TypeVar("T")

_TIMEOUT_MILLISECONDS = round(LASTS_FOR.total_seconds() * 1000)
_HANDLE_BYTES = 32


@dataclass(frozen=True)
class Ceremony:
    """What both halves of a ceremony have in common: the page, the browser by a secret of its own, and the time."""

    party: RelyingParty
    browser: str = field(repr=False)
    secret: str = field(repr=False)
    now: datetime

    def _challenge(self, purpose: tuple[str, ...]) -> bytes:
        return make_challenge((*purpose, self.browser), self.secret, self.now)

    def _use(self, credential: str, purpose: tuple[str, ...]) -> bytes:
        """Use up the challenge that a credential answers, and return it."""
        challenge = _parsed(lambda: _challenge_in(credential))
        use_challenge(challenge, (*purpose, self.browser), self.secret, self.now)
        return challenge

    def registration_options(self, user: User) -> str:
        """Return the JSON options with which the browser makes a passkey for a user whose password was verified."""
        known = passkeys.passkeys_of(user)
        handle = known[0].user_handle if known else bytes_to_base64url(secrets.token_bytes(_HANDLE_BYTES))
        options = webauthn.generate_registration_options(
            rp_id=self.party.domain,
            rp_name="LAMPI",
            user_id=base64url_to_bytes(handle),
            user_name=user.name,
            challenge=self._challenge(_registration_of(user, handle)),
            timeout=_TIMEOUT_MILLISECONDS,
            authenticator_selection=AuthenticatorSelectionCriteria(
                resident_key=ResidentKeyRequirement.REQUIRED, user_verification=UserVerificationRequirement.REQUIRED
            ),
            exclude_credentials=[
                PublicKeyCredentialDescriptor(id=base64url_to_bytes(each.credential_id)) for each in known
            ],
        )
        return webauthn.options_to_json(options)

    def register(self, user: User, name: str, handle: str, credential: str, source: str) -> None:
        """Store the passkey that the browser made; ``handle`` is that of the options.

        Raises:
            BadPasskey: it can't be verified, or the password was changed since it was checked.
            BadPasskeyName, WrongPassword, TooManyAttempts: see `passkeys.add`.
        """
        challenge = self._use(credential, _registration_of(user, handle))
        verified = _parsed(
            lambda: webauthn.verify_registration_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.party.domain,
                expected_origin=self.party.origin,
                require_user_verification=True,
            )
        )
        passkey = Passkey(
            user=user,
            name=name,
            credential_id=bytes_to_base64url(verified.credential_id),
            user_handle=handle,
            public_key=bytes_to_base64url(verified.credential_public_key),
            sign_count=verified.sign_count,
            created_at=self.now,
        )
        passkeys.add(passkey, source)

    def sign_in_options(self) -> str:
        """Return the JSON options with which the browser asks for any passkey of this page."""
        options = webauthn.generate_authentication_options(
            rp_id=self.party.domain,
            challenge=self._challenge(_SIGN_IN),
            timeout=_TIMEOUT_MILLISECONDS,
            user_verification=UserVerificationRequirement.REQUIRED,
        )
        return webauthn.options_to_json(options)

    def sign_in(self, credential: str, source: str) -> Passkey:
        """Return the passkey that signed, with its user. `sessions.begin` checks again that it is still registered.

        Raises:
            BadPasskey: it can't be verified: forged, for another page, used before, or a copy of an authenticator.
            UnknownPasskey: no user has it.
            TooManyAttempts: too many failed from this network, or too many sign-ins succeeded.
        """
        tried = attempts.spend(by_network("passkey from", source, 30, QUARTER), self.now)
        challenge = self._use(credential, _SIGN_IN)
        credential_id, handle = _parsed(lambda: _names_in(credential))
        passkey = passkeys.with_credential(credential_id)
        if handle != passkey.user_handle:
            raise UnknownPasskey
        verified = _parsed(
            lambda: webauthn.verify_authentication_response(
                credential=credential,
                expected_challenge=challenge,
                expected_rp_id=self.party.domain,
                expected_origin=self.party.origin,
                credential_public_key=base64url_to_bytes(passkey.public_key),
                credential_current_sign_count=passkey.sign_count,
                require_user_verification=True,
            )
        )
        attempts.refund(tried)
        attempts.spend(success_limits(name_key(passkey.user.name), source), self.now)
        passkeys.note_use(passkey, verified.new_sign_count, self.now)
        return passkey


_SIGN_IN = ("sign in",)


def _registration_of(user: User, handle: str) -> tuple[str, ...]:
    """Return the purpose of a registration: a changed password makes challenges under way invalid."""
    return ("register", str(user.id), handle, user.password_hash or "")


def _challenge_in(credential: str) -> bytes:
    client_data = json.loads(base64url_to_bytes(json.loads(credential)["response"]["clientDataJSON"]))
    return base64url_to_bytes(client_data["challenge"])


def _names_in(credential: str) -> tuple[str, str]:
    """Return the ids of the credential and of its user."""
    given = json.loads(credential)
    credential_id, handle = given["id"], given["response"]["userHandle"]
    if not all(isinstance(text, str) and text.isascii() and text.isprintable() for text in (credential_id, handle)):
        raise BadPasskey
    return credential_id, handle


def _parsed(read: Callable[[], T]) -> T:
    """Return what a reader of a credential returns.

    Raises:
        BadPasskey: it raised an error. Malformed credentials cause errors of all kinds in the library and its parsers.
    """
    try:
        return read()
    except Exception:
        raise BadPasskey from None
