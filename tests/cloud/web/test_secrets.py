"""Nothing that lets someone in, or gives a lamp away, is in the history or in a log, whatever a user does."""

import re

import pytest
from flask import Flask

from cloud.auth.api_tokens import make_token
from cloud.errors import UserError
from cloud.services import claiming, offering, resets
from cloud.services.resets import LampReset
from cloud.store.audit_log import AuditEvent, History
from cloud.store.lamps import Lampi, User
from cloud.store.reset_requests import ResetRequest
from tests.cloud.web.conftest import BOTH_DATABASES, CODE, LAMP, Clock
from tests.support.pages import PASSWORD, Reader

RECOVERY_CODE = re.compile(r"<li>([-0-9a-z]{19})</li>")
WRONG_CODE = "f00d42"
NEVER_WRITTEN = {AuditEvent.ROTATED, AuditEvent.FORGOTTEN, AuditEvent.PASSKEY_ADDED, AuditEvent.PASSKEY_REMOVED}


@BOTH_DATABASES
def test_no_secret_of_lamp_or_account_is_in_the_history_or_a_log(
    app: Flask, lampi: Lampi, bob: User, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    grace = Reader(app)
    grace.sign_up("grace")
    secrets = [PASSWORD, CODE, CODE[:6], WRONG_CODE, make_token(claiming.user_named("grace"), "test", clock())]
    for typed in (WRONG_CODE, CODE[:6]):
        grace.send("/associate", {"code": typed})
    grace.send("/associate/this-lamp")
    grace.send(f"/lamps/{LAMP}/release")
    claiming.associate_by_device_id(LAMP, claiming.user_named("grace"), clock())
    codes = RECOVERY_CODE.findall(grace.send("/account/recovery-codes", {"current": PASSWORD}).html)
    Reader(app, "192.0.2.9").send("/recover", {"name": "grace", "code": codes[0], "new": f"{PASSWORD}!"})
    secrets += [*codes, codes[0].replace("-", "")]
    for taker in (None, bob):
        offer = offering.make_offer(LAMP, clock(), "", claiming.user_named("grace"))
        secrets += [offer.code, offer.short_code]
        if taker is None:
            offering.withdraw(LAMP, clock(), "", claiming.user_named("grace"))
        else:
            claiming.associate_by_code(offer.code, taker, clock())
    for rule in (LampReset.AFTER_A_DAY, LampReset.AT_ONCE):
        ResetRequest.delete().execute()
        resets.answer({LAMP: None}, rule, clock())
        ticket = ResetRequest.get().ticket
        resets.answer({LAMP: ticket}, rule, clock())
        secrets.append(ticket)
        if rule is LampReset.AFTER_A_DAY:
            resets.refuse(LAMP, clock(), "", bob)
    with pytest.raises(UserError):
        claiming.associate_by_code(secrets[-2], bob, clock())
    secrets.append(Lampi.named(LAMP).association_code)
    rows = list(History.select().dicts())
    assert {row["event"] for row in rows} == set(AuditEvent) - NEVER_WRITTEN
    assert [each for each in secrets if each in f"{rows}{caplog.text}"] == []
