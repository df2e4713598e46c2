"""A database, a user with a password, and quick hashes."""

import peewee
import pytest
from argon2 import PasswordHasher

from cloud.auth import accounts, passwords
from cloud.store.lamps import User
from tests.cloud.conftest import NOW

PASSWORD = "correct horse battery"
HOME = "192.0.2.7"


@pytest.fixture(autouse=True)
def opened(database: peewee.Database) -> None:
    """Give each test the database, also those that name nothing of it."""


@pytest.fixture
def grace() -> User:
    return accounts.sign_up("Grace", PASSWORD, HOME, NOW)


@pytest.fixture
def quick_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Hash with the least parameters, for tests of limits that take hundreds of passwords."""
    quick = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", quick)
    monkeypatch.setattr(passwords, "_placeholder_hash", quick.hash("placeholder"))
