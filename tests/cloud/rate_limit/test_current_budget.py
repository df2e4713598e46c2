"""The length of new codes, by whether people can create accounts themselves."""

import peewee
import pytest

from cloud.auth import accounts
from cloud.rate_limit.policy import CodePolicy, announce
from cloud.services.claiming import rotate_code
from cloud.services.lamps import register_lamps
from cloud.store import open_sign_up
from cloud.store.lamps import Lampi
from cloud.web.app import create_app
from cloud.web.settings import WebSettings
from tests.cloud.conftest import NOW
from tests.support.pages import Reader

LAMPS = [f"{number:012x}" for number in range(10)]
WITHOUT_ACCOUNTS, WITH_A_THOUSAND = 6, 8


@pytest.fixture(autouse=True)
def lamps(database: peewee.Database) -> None:
    announce(CodePolicy())
    register_lamps(LAMPS, NOW)


def length_of_a_new_code() -> int:
    rotate_code(LAMPS[0], NOW)
    return int(Lampi.named(LAMPS[0]).short_code_length)


def test_before_any_page_has_run_only_existing_accounts_count() -> None:
    assert length_of_a_new_code() == WITHOUT_ACCOUNTS


def test_while_sign_up_is_open_a_thousand_accounts_are_foreseen() -> None:
    open_sign_up.announce(True)
    assert length_of_a_new_code() == WITH_A_THOUSAND
    open_sign_up.announce(False)
    assert length_of_a_new_code() == WITHOUT_ACCOUNTS


def test_codes_of_a_fixed_length_keep_it() -> None:
    announce(CodePolicy(shortest=6, longest=6))
    open_sign_up.announce(True)
    assert length_of_a_new_code() == 6


def test_a_page_announces_with_its_first_request_whether_sign_up_is_open(database_url: str) -> None:
    for is_open, length in ((True, WITH_A_THOUSAND), (False, WITHOUT_ACCOUNTS), (True, WITH_A_THOUSAND)):
        Reader(create_app(WebSettings(database_url, sign_up_open=is_open))).open("/sign-in")
        assert length_of_a_new_code() == length


def test_an_open_page_among_closed_ones_is_noticed_with_the_first_account() -> None:
    open_sign_up.announce(False)
    accounts.sign_up("ada", "correct horse battery", "192.0.2.7", NOW)
    assert length_of_a_new_code() == WITH_A_THOUSAND
