"""No English remains on any page: in a language whose letters are all full-width, no other letter is read.

The German catalogue is replaced by one that is made from the English texts, letter by letter. So this test finds what
is assembled from parts, passed on untranslated or written in templates, on every page that it opens.
"""

import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest
from babel.messages.mofile import write_mo
from flask import Flask, template_rendered

from cloud.auth import accounts
from cloud.errors import Overloaded, TooManyChanges, TooManyRequests
from cloud.services import claiming, ownership
from cloud.store.lamps import Lampi, User
from cloud.store.lease import PublisherLease
from cloud.web import app as web_app
from cloud.web.settings import WebSettings
from tests.cloud.web.account_crawl import own_account
from tests.cloud.web.conftest import CODE, LAMP, OTHER, Clock, waiting
from tests.cloud.web.lamp_crawl import handing_over, lamp_pages, resets_at_the_lamp
from tests.support.catalogues import PAGE
from tests.support.pages import PASSWORD, Answer, Reader

TEMPLATES = {path.name for path in Path(web_app.__file__).parent.glob("templates/*.html")}
INCLUDED = {"base.html", "fields.html", "owned.html", "passkey_form.html", "presence.html", "signs.html"}
READ_BY_PEOPLE = {"alt", "aria-description", "aria-label", "aria-valuetext", "placeholder", "title"}

WIDE = {code: code + 0xFEE0 for code in range(ord("!"), ord("~") + 1) if chr(code).isalpha()}
ANY_WIDE = re.compile(f"[{chr(min(WIDE.values()))}-{chr(max(WIDE.values()))}]")
KEPT = re.compile(r"(%\(\w+\)\w|<[^>]*>)")
DATA = re.compile(
    r"\b(LAMPI|UTC|November|Minuten?|Stunden?|Grad|Prozent|ada|bob|grace|Küche|Tresen|Handy|Firefox|Linux"
    r"|[0-9a-z]{4}(-[0-9a-z]{4}){3}|(?=[a-f]*\d)[0-9a-f]{3,32})\b"
)
"""What isn't a text: names, ids and codes, and what Babel writes in German."""


def pseudo(text: str) -> str:
    return "".join(part if KEPT.fullmatch(part) else part.translate(WIDE) for part in KEPT.split(text))


class Read(HTMLParser):
    """Collects what people read of a page, and hear of it."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if value and (name in READ_BY_PEOPLE)]

    def handle_data(self, data: str) -> None:
        self.found.append(data)


def english_of(answer: Answer) -> list[str]:
    """Return the texts of a page with letters that no catalogue made."""
    page = Read()
    page.feed(answer.html)
    texts = [" ".join(text.split()) for text in page.found]
    return [text for text in texts if re.search(r"[A-Za-z]", DATA.sub("", text))]


@pytest.fixture
def pseudo_app(app: Flask, tmp_path: Path) -> Flask:
    """Give the page with the pseudo-language in place of German."""
    template = PAGE.template()
    template.locale = "de"
    for message in template:
        if message.id:
            message.string = pseudo(message.id) if isinstance(message.id, str) else tuple(map(pseudo, message.id))
    folder = tmp_path / "pseudo" / "de" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    with (folder / "web.mo").open("wb") as file:
        write_mo(file, template)
    app.extensions["babel"].translation_directories = [str(tmp_path / "pseudo")]
    return app


def before_signing_in(app: Flask, clock: Clock) -> Iterator[Answer]:
    reader = Reader(app, languages="de")
    reader.open("/associate", query_string={"code": CODE})
    yield reader.open("/sign-in")
    yield reader.open("/sign-up")
    yield reader.sign_in("grace", "not the password")
    for name in (
        "x",
        "x" * 50,
        "not/a name",
        "-ada",
        "p\N{CYRILLIC SMALL LETTER A}ypal",
        "\N{HEBREW LETTER ALEF}a",
        "ada",
    ):
        yield reader.sign_up(name)
    for password in ("short", "aaaaaaaaaaaa"):
        yield reader.sign_up("grace", password)
    for _ in range(5):
        last = reader.sign_in("bob", "not the password")
    yield last
    yield reader.open("/nothing")
    yield reader.open("/sign-out")
    yield reader.send_bare("/sign-in", {"name": "ada"})
    yield Reader(app, https=True, languages="de").send_bare("/sign-in", {}, headers={})
    yield reader.send_bare("/sign-in", {"name": "x" * 40_000})


def associating(app: Flask, clock: Clock, user: User) -> Iterator[Answer]:
    reader = Reader(app, languages="de").be(user)
    waiting(LAMP, CODE)
    yield reader.open("/lamps")
    for code in ("", "x" * 40, "zzzzzz", "000000"):
        yield reader.send("/associate", {"code": code})
    reader.open("/associate/this-lamp")
    yield reader.open("/associate")
    reader.send("/associate", {"code": CODE})
    yield reader.open("/associate/this-lamp")  # no daemon runs
    reader.send("/associate/identify", page="/associate/this-lamp")
    yield reader.open("/associate/this-lamp")
    daemon = PublisherLease()
    daemon.acquire(clock())
    for _ in range(2):
        reader.send("/associate/identify", page="/associate/this-lamp")
        yield reader.open("/associate/this-lamp")
        clock.pass_by(timedelta(seconds=1))
    clock.pass_by(timedelta(minutes=1))
    yield reader.open("/associate/this-lamp")
    Lampi.update(connected=False).execute()
    reader.send("/associate/identify", page="/associate/this-lamp")
    yield reader.open("/associate/this-lamp")
    reader.send("/associate/this-lamp", page="/associate/this-lamp")
    yield reader.open(f"/lamps/{LAMP}/yours")
    for fields in ({"name": ""}, {"name": "x" * 200}):
        yield reader.send(f"/lamps/{LAMP}/rename", fields)
    daemon.resign()


def own_lamps(app: Flask, clock: Clock, user: User) -> Iterator[Answer]:
    reader = Reader(app, languages="de").be(user)
    reader.send(f"/lamps/{LAMP}/rename", {"name": "Küche"})
    yield reader.open("/lamps")
    waiting(OTHER, CODE[::-1])
    claiming.associate_by_device_id(OTHER, user, clock())
    ownership.rename(user, OTHER, "Tresen", clock())
    yield reader.open(f"/lamps/{OTHER}/yours")
    yield reader.open("/lamps")
    yield reader.open("/lamps", query_string={"page": 2})
    for device_id in (LAMP, OTHER):
        yield reader.open(f"/lamps/{device_id}/rename")
        yield reader.open(f"/lamps/{device_id}/release")
        reader.send(f"/lamps/{device_id}/release")
        yield reader.open("/lamps")
    yield reader.open("/password")
    yield reader.send("/password", {"current": "not the password", "new": PASSWORD})
    yield reader.send("/password", {"current": PASSWORD, "new": "short"})
    accounts.set_password(user, PASSWORD)
    reader.be(user)
    reader.send("/password", {"current": PASSWORD, "new": f"{PASSWORD} staple"})
    yield reader.open("/lamps")
    reader.send("/sign-out", page="/lamps")
    yield reader.open("/sign-in")


def refusals(app: Flask, clock: Clock, user: User, monkeypatch: pytest.MonkeyPatch) -> Iterator[Answer]:
    """Yield what a browser gets while the server can't, or won't."""
    accounts.set_password(user, PASSWORD)
    reader = Reader(app, languages="de").be(user)
    for fault in (
        TooManyChanges(timedelta(minutes=5)),
        TooManyChanges(timedelta(hours=5)),
        TooManyRequests(timedelta(seconds=5)),
        Overloaded(),
        OSError(),
    ):

        def fail(*_: object, fault: Exception = fault) -> None:
            raise fault

        with monkeypatch.context() as patched:
            patched.setattr(ownership, "page_of", fail)
            yield reader.open("/lamps")
    without = web_app.create_app(WebSettings("sqlite:////nowhere/lampi.db"))
    without.extensions["babel"] = app.extensions["babel"]
    yield Reader(without, languages="de").open("/lamps")
    yield Reader(without, languages="de").send_bare("/sign-in")


def test_no_english_remains(
    pseudo_app: Flask, clock: Clock, ada: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered, english = set(), {}
    pseudo_app.config["PROPAGATE_EXCEPTIONS"] = False
    with template_rendered.connected_to(lambda _app, template, **_: rendered.add(template.name)):
        for answers in (
            before_signing_in(pseudo_app, clock),
            associating(pseudo_app, clock, ada),
            lamp_pages(pseudo_app, clock, ada),
            resets_at_the_lamp(pseudo_app, clock, ada),
            handing_over(pseudo_app, clock, ada, bob),
            own_lamps(pseudo_app, clock, bob),
            own_account(pseudo_app, clock, ada),
            refusals(pseudo_app, clock, bob, monkeypatch),
        ):
            for answer in answers:
                assert answer.status not in (301, 302), answer
                assert ANY_WIDE.search(answer.html), answer
                if remains := english_of(answer):
                    english[answer.html] = remains
    assert [*english.values()] == []
    assert rendered == TEMPLATES - INCLUDED, "open the others here, too"


def test_english_is_found() -> None:
    page = f'<p>{pseudo("Sign")} in</p><a aria-label="Rename Küche">Küche</a><time>23. November 2026, 12:00 UTC</time>'
    assert english_of(Answer(200, page, {})) == [f"{pseudo('Sign')} in", "Rename Küche"]
