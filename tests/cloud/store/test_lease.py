"""The lease: one publisher, and a standby that takes over."""

import subprocess
import sys
from datetime import timedelta

import pytest

from cloud.store.lease import LEASE_SECONDS, Lease, PublisherLease, shown_holder
from tests.cloud.conftest import NOW

pytestmark = pytest.mark.usefixtures("database")
LONG = timedelta(seconds=LEASE_SECONDS)
MOMENT = timedelta(milliseconds=1)


def test_one_holds_it_and_the_other_learns_who() -> None:
    first, second = PublisherLease(), PublisherLease()
    assert first.acquire(NOW) == first.holder
    assert second.acquire(NOW) == first.holder
    assert first.held(NOW)
    assert not second.held(NOW)


def test_it_ends_when_it_is_not_renewed() -> None:
    first, second = PublisherLease(), PublisherLease()
    first.acquire(NOW)
    assert second.acquire(NOW + LONG - MOMENT) == first.holder
    assert first.held(NOW + LONG - MOMENT)
    assert not first.held(NOW + LONG)
    assert second.acquire(NOW + LONG) == second.holder
    assert first.acquire(NOW + LONG) == second.holder


def test_renewing_keeps_it() -> None:
    first, second = PublisherLease(), PublisherLease()
    first.acquire(NOW)
    first.acquire(NOW + LONG / 2)
    assert second.acquire(NOW + LONG) == first.holder


def test_after_resigning_the_next_one_gets_it_at_once() -> None:
    first, second = PublisherLease(), PublisherLease()
    first.acquire(NOW)
    second.resign()
    assert second.acquire(NOW) == first.holder
    first.resign()
    assert not first.held(NOW)
    assert second.acquire(NOW) == second.holder


def test_a_dead_process_of_this_machine_holds_nothing() -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    first, second = PublisherLease(), PublisherLease()
    host, _, machine, nonce = first.holder.rsplit(":", 3)
    first.holder = f"{host}:{dead.pid}:{machine}:{nonce}"
    first.acquire(NOW)
    assert second.acquire(NOW) == second.holder


def test_a_process_of_another_machine_is_believed_until_its_lease_ends() -> None:
    first, second = PublisherLease(), PublisherLease()
    host, _, _, nonce = first.holder.rsplit(":", 3)
    first.holder = f"{host}:999999999:a clone with the same name:{nonce}"
    first.acquire(NOW)
    assert second.acquire(NOW) == first.holder
    assert second.acquire(NOW + LONG) == second.holder


def test_a_holder_reads_well() -> None:
    assert shown_holder("cloud.example:123:0ddba11-4026531836:abcdef01") == "process 123 on cloud.example"
    assert Lease.select().count() == 0


def test_a_lease_written_by_a_clock_that_was_wrong_is_none() -> None:
    first, second = PublisherLease(), PublisherLease()
    first.acquire(NOW + timedelta(hours=1))
    assert second.acquire(NOW) == second.holder
