"""Live updates: what counts as a change, and how it reaches a browser."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import peewee
import pytest
from flask import Flask

from cloud.auth import sessions
from cloud.daemon.presence import PresenceBatch
from cloud.services import claiming
from cloud.services.page_state import states_of
from cloud.store import outbox
from cloud.store.lamps import Lampi, User
from cloud.store.lease import LEASE_SECONDS, PublisherLease
from cloud.web import live
from cloud.web.watch import Watcher
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import BOTH_DATABASES, CODE, LAMP, OTHER, Clock, waiting
from tests.support.pages import HOME, Reader
from tests.support.waiting import DEADLINE_SECONDS, wait_until

pytestmark = BOTH_DATABASES


@pytest.fixture(autouse=True)
def there(lampi: Lampi) -> Lampi:
    """Have the lamp wait."""
    return lampi


@pytest.fixture
def watcher(app: Flask) -> Iterator[Watcher]:
    found: Watcher = app.extensions["watcher"]
    yield found
    found.stop()


class Stream:
    """A browser's stream of events."""

    def __init__(self, reader: Reader, seen: str, path: str = "/live") -> None:
        asked = f"{path}?seen={seen}"
        self._response = reader.client.get(asked, environ_base={"REMOTE_ADDR": HOME}, buffered=False)
        assert (self._response.status_code, self._response.mimetype) == (200, "text/event-stream")
        self._chunks = (chunk.decode() for chunk in self._response.iter_encoded())
        assert next(self._chunks).startswith("retry:")

    def next(self) -> tuple[str, float]:
        """Return the word of the next event, and how many seconds it took."""
        began = time.monotonic()
        chunk = next(self._chunks)
        assert chunk.startswith("event: change\ndata: ")
        return chunk.split("data: ")[1].strip(), time.monotonic() - began

    def rest(self) -> Iterator[str]:
        """Yield what comes until the stream ends, without what keeps it open."""
        return (chunk for chunk in self._chunks if chunk != ":\n\n")

    def close(self) -> None:
        self._response.close()


def state(user: User) -> str:
    return states_of([user.id], NOW)[user.id]


def test_the_word_changes_with_what_the_page_shows_and_with_nothing_else(ada: User, bob: User) -> None:
    words = [state(ada)]

    def changed() -> bool:
        words.append(state(ada))
        return words[-1] != words[-2]

    claiming.associate_by_code(CODE, ada, NOW)
    assert changed()
    outbox.remove([row.version for row in outbox.pending(0, 10)])  # it has been published
    assert changed()
    batch = PresenceBatch()
    batch.add(LAMP, False)
    batch.register(NOW + timedelta(seconds=1))
    assert changed()
    waiting(OTHER, "0123456789abcdef" * 2)
    claiming.associate_by_code("012345", bob, NOW)
    assert not changed()
    claiming.release(LAMP, NOW)
    assert changed()
    lease = PublisherLease()
    lease.acquire(NOW)
    assert changed()
    assert states_of([ada.id], NOW + timedelta(seconds=LEASE_SECONDS))[ada.id] != words[-1]


def test_a_stream_brings_each_change_within_a_second(as_ada: Reader, ada: User, watcher: Watcher) -> None:
    stream = Stream(as_ada, state(ada))
    claiming.associate_by_code(CODE, ada, NOW)
    word, seconds = stream.next()
    assert (word, seconds < 1) == (state(ada), True)
    claiming.release(LAMP, NOW)
    word, seconds = stream.next()
    assert (word, seconds < 1) == (state(ada), True)
    stream.close()
    assert watcher.count() == 0


def test_what_changed_while_the_page_was_on_its_way_is_not_missed(as_ada: Reader, ada: User, watcher: Watcher) -> None:
    seen = state(ada)
    claiming.associate_by_code(CODE, ada, NOW)
    stream = Stream(as_ada, seen)
    assert stream.next()[0] == state(ada)
    stream.close()


def test_a_page_names_the_word_that_it_shows(as_ada: Reader, ada: User) -> None:
    assert f'data-live="{state(ada)}"' in as_ada.open("/lamps").html
    assert as_ada.open("/live/state").html == state(ada)


def test_who_is_not_signed_in_learns_nothing(reader: Reader, as_ada: Reader, clock: Clock) -> None:
    assert [reader.open("/live").status, reader.open("/live/state").status] == [401, 401]
    clock.pass_by(timedelta(days=40))
    assert as_ada.open("/live").status == 401


def test_streams_beyond_the_limit_are_refused(
    as_ada: Reader, as_bob: Reader, ada: User, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "MOST_STREAMS", 3)
    monkeypatch.setattr(live, "MOST_STREAMS_OF_ONE", 2)
    streams = [Stream(as_ada, "") for _ in range(2)]
    assert as_ada.open("/live").status == 503
    streams.append(Stream(as_bob, ""))
    refused = as_bob.open("/live")
    assert (refused.status, refused.headers["Retry-After"]) == (503, "60")
    for stream in streams:
        stream.close()
    assert watcher.count() == 0
    Stream(as_ada, "").close()


def test_all_streams_end_when_the_watcher_stops(as_ada: Reader, ada: User, app: Flask) -> None:
    watcher: Watcher = app.extensions["watcher"]
    stream = Stream(as_ada, state(ada))
    watcher.stop()
    assert list(stream._chunks) == []
    assert as_ada.open("/live").status == 503


def test_a_stream_sends_keepalives_and_ends_after_its_lifetime(
    as_ada: Reader, ada: User, watcher: Watcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(live, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(live, "STREAM_SECONDS", 0.3)
    chunks = list(Stream(as_ada, state(ada))._chunks)
    assert 1 <= len(chunks) <= 6
    assert set(chunks) == {":\n\n"}


@pytest.mark.parametrize(
    "fault",
    [peewee.OperationalError("locked"), sqlite3.OperationalError("disk I/O error"), ZeroDivisionError()],
    ids=lambda fault: type(fault).__module__,
)
def test_streams_bring_changes_again_after_an_error_of_the_watcher(
    as_ada: Reader, ada: User, watcher: Watcher, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    failed = threading.Event()

    def fail(*_: object) -> None:
        failed.set()
        raise fault

    stream = Stream(as_ada, state(ada))
    with monkeypatch.context() as broken:
        broken.setattr("cloud.web.watch.states_of", fail)
        assert failed.wait(DEADLINE_SECONDS)
    claiming.associate_by_code(CODE, ada, NOW)
    assert stream.next()[0] == state(ada)
    stream.close()


@pytest.mark.parametrize("everywhere", [True, False])
def test_a_stream_ends_with_its_session(as_ada: Reader, ada: User, watcher: Watcher, everywhere: bool) -> None:
    """A stranger who was signed in sees no more of the owner's lamps."""
    claiming.associate_by_device_id(LAMP, ada, NOW)
    stream = Stream(as_ada, "", f"/lamps/{LAMP}/live")
    other = sessions.key_of(sessions.begin(User.get_by_id(ada.id), NOW))
    with watcher.following(ada.id, other):
        if everywhere:
            sessions.end_all(ada)
        else:
            mine = next(each for each in sessions.sessions_of(ada, NOW) if each.token_hash != other)
            sessions.end_named(ada, mine.name)
        assert len(list(stream.rest())) <= 1  # what it showed before
        wait_until(lambda: watcher.has_ended(other) == everywhere, "the other session's end to be seen, if it ended")


def test_the_database_is_polled_only_while_a_stream_is_open(as_ada: Reader, ada: User, watcher: Watcher) -> None:
    as_ada.open("/lamps")
    assert watcher._thread is None
    stream = Stream(as_ada, "")
    assert (watcher._thread is not None, watcher.count(ada.id)) == (True, 1)
    stream.close()
    assert (watcher.count(), watcher._states.get(ada.id)) == (0, None)


def test_a_page_of_another_session_is_refused(as_ada: Reader, as_bob: Reader, watcher: Watcher) -> None:
    """Each session has its own name in its pages, which a browser's tabs share events under."""
    ours, theirs = (
        reader.open("/lamps").html.partition('data-session="')[2].partition('"')[0] for reader in (as_ada, as_bob)
    )
    assert len(ours) == len(theirs) == 16
    for path in ("/live/state", "/live"):
        assert [as_ada.open(f"{path}?session={session}").status for session in (theirs, "")] == [401, 401]
    assert as_ada.open(f"/live/state?session={ours}").status == 200
