"""Every page around one's own account, as one user meets them in a language."""

import re
from collections.abc import Iterator
from html import unescape

from flask import Flask

from cloud.auth import accounts, sessions
from cloud.auth.api_tokens import make_token
from cloud.store.lamps import User
from tests.cloud.web.conftest import Clock
from tests.support.authenticator import Authenticator
from tests.support.pages import PASSWORD, Answer, Reader

OPTIONS = re.compile(r'data-options="([^"]+)"')
CODE = re.compile(r"<li>([-0-9a-z]{19})</li>")
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
WRONG = "not the password"


def own_account(app: Flask, clock: Clock, user: User) -> Iterator[Answer]:
    """Yield the pages of a user without keys and tokens, who gets some, and then recovers the account."""
    accounts.set_password(user, PASSWORD)
    reader = Reader(app, languages="de").be(user)
    yield reader.open("/account")
    phone = Authenticator("http://localhost")
    yield from _passkeys(reader, phone)
    yield from _sessions_and_tokens(reader, clock, user)
    yield from _recovery_codes(reader)
    codes = CODE.findall(reader.send("/account/recovery-codes", {"current": PASSWORD}).html)
    reader.send("/account/sessions/end-all", page="/account")
    yield reader.open("/sign-in")
    credential = phone.get(reader.open("/sign-in/passkey").html)
    yield reader.send("/sign-in/passkey", {"credential": credential}, page="/sign-in")  # it was removed
    yield reader.open("/recover")
    yield reader.send("/recover", {"name": user.name, "code": "", "new": PASSWORD})
    yield reader.send("/recover", {"name": user.name, "code": codes[0], "new": "short"})
    reader.send("/recover", {"name": user.name, "code": codes[0], "new": PASSWORD})
    yield reader.open("/account")
    reader.send("/password", {"current": PASSWORD, "new": f"{PASSWORD} staple", "remove_keys": "y"})
    yield reader.open("/account")


def _passkeys(reader: Reader, phone: Authenticator) -> Iterator[Answer]:
    yield reader.open("/account/passkeys/new")
    for name, current in (("", PASSWORD), ("Handy", WRONG)):
        yield reader.send("/account/passkeys/new", {"name": name, "current": current})
    yield reader.send("/account/passkeys", page="/account")
    new = reader.send("/account/passkeys/new", {"name": "Handy", "current": PASSWORD})
    yield new
    made = phone.create(unescape(OPTIONS.findall(new.html)[0]))
    reader.send("/account/passkeys", {"name": "Handy", "handle": phone.handle, "credential": made}, page="/account")
    yield reader.open("/account")
    yield from _confirmed(reader, "/account/passkeys/1/remove")


def _sessions_and_tokens(reader: Reader, clock: Clock, user: User) -> Iterator[Answer]:
    make_token(user, "Tresen", clock())
    other = sessions.name_of(sessions.begin(user, clock(), FIREFOX))
    yield reader.open("/account")
    for _ in range(2):
        reader.send(f"/account/sessions/{other}/end", page="/account")
        yield reader.open("/account")
    yield from _confirmed(reader, "/account/tokens/1/revoke")


def _confirmed(reader: Reader, path: str) -> Iterator[Answer]:
    """Yield what asks for confirmation, says that it is done, and that it was done already."""
    yield reader.open(path)
    reader.send(path)
    yield reader.open("/account")
    reader.open(path)
    yield reader.open("/account")


def _recovery_codes(reader: Reader) -> Iterator[Answer]:
    yield reader.open("/account/recovery-codes")
    for current in (WRONG, PASSWORD):
        yield reader.send("/account/recovery-codes", {"current": current})
    yield reader.open("/account/recovery-codes")
    yield reader.open("/account")
