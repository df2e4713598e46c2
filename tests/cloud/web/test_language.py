"""The page speaks the language that the browser wishes; the API speaks English."""

import re
from datetime import timedelta

import pytest
from flask import Flask

from cloud.auth.api_tokens import make_token
from cloud.db.database import write_transaction
from cloud.errors import BadPassword, TooManyAttempts, UnknownCode, Wait
from cloud.services import claiming
from cloud.store import state_watches
from cloud.store.lamps import Lampi, User
from cloud.store.lease import PublisherLease
from cloud.web.language import explained
from shared.protocol.payloads import Color, LampConfig
from tests.cloud.conftest import NOW
from tests.cloud.web.conftest import LAMP
from tests.support.pages import PASSWORD, Answer, Reader


def spoken(answer: Answer) -> str:
    """Return the language of a page, once it has been found to be the same everywhere."""
    (lang,) = re.findall(r'<html lang="(\w+)">', answer.html)
    assert answer.headers["Content-Language"] == lang
    assert "Accept-Language" in answer.headers["Vary"]
    return str(lang)


@pytest.mark.parametrize(
    ("wished", "language", "heading"),
    [
        ("", "en", "Sign in"),
        ("de", "de", "Anmelden"),
        ("de-AT, en;q=0.5", "de", "Anmelden"),
        ("en-US, de;q=0.9", "en", "Sign in"),
        ("fr, de;q=0.7, en;q=0.3", "de", "Anmelden"),
        ("fr", "en", "Sign in"),
        ("de;q=0", "en", "Sign in"),
        ("*", "en", "Sign in"),
        ("x" * 200, "en", "Sign in"),
        ("de;q=one, ;;, \\", "en", "Sign in"),
    ],
)
def test_the_language_is_the_browser_s(app: Flask, wished: str, language: str, heading: str) -> None:
    answer = Reader(app, languages=wished).open("/sign-in")
    assert spoken(answer) == language
    assert f"<h1>{heading}</h1>" in answer.html


def test_a_browser_may_change_its_language_at_any_time(app: Flask, as_ada: Reader) -> None:
    german = {"Accept-Language": "de"}
    assert "Meine Lampen" in as_ada.open("/lamps", headers=german).text
    assert "My lamps" in as_ada.open("/lamps").text


def test_what_a_form_answers_is_in_the_language(app: Flask) -> None:
    reader = Reader(app, languages="de")
    assert "muss 10 bis 200 Zeichen haben" in reader.sign_up("ada", "short").text
    reader.sign_up("ada")
    assert "Du bist abgemeldet." in (reader.send("/sign-out", page="/lamps") and reader.open("/sign-in")).text
    assert "Benutzername oder Passwort ist falsch." in reader.sign_in("ada", "not the password").text
    assert "Der Benutzername ada ist vergeben." in reader.sign_up("ada").text


def test_waits_are_counted_in_the_language(app: Flask) -> None:
    reader = Reader(app, languages="de")
    for _ in range(5):
        reader.sign_in("ada", "not the password")
    refused = reader.sign_in("ada", PASSWORD)
    assert (refused.status, spoken(refused)) == (429, "de")
    assert "Zu viele Versuche. Versuche es in 15 Minuten noch einmal." in refused.text


@pytest.mark.parametrize(
    ("seconds", "english", "german"),
    [
        (0, "1 minute", "1 Minute"),
        (61, "2 minutes", "2 Minuten"),
        (7140, "119 minutes", "119 Minuten"),
        (7200, "2 hours", "2 Stunden"),
        (7201, "3 hours", "3 Stunden"),
    ],
)
def test_one_and_many(app: Flask, seconds: int, english: str, german: str) -> None:
    refusal = TooManyAttempts(timedelta(seconds=seconds))
    assert str(refusal) == f"Too many attempts. Try again in {english}."
    assert str(Wait.of(timedelta(seconds=seconds))) == english
    for language, wait in (("en", english), ("de", german)):
        with app.test_request_context(headers={"Accept-Language": language}):
            assert f" {wait}" in explained(refusal)


def test_an_error_outside_of_the_page_is_english(app: Flask) -> None:
    refusal = BadPassword("A password must have %(shortest)s to %(longest)s characters.", shortest=10, longest=200)
    with app.test_request_context(headers={"Accept-Language": "de"}):
        assert str(refusal) == "A password must have 10 to 200 characters."
        assert explained(refusal) == "Ein Passwort muss 10 bis 200 Zeichen haben."


def test_texts_may_have_a_percent_sign() -> None:
    assert str(BadPassword("100 % wrong")) == "100 % wrong"


def test_dates_are_written_as_the_language_does(app: Flask, ada: User, lampi: Lampi) -> None:
    claiming.associate_by_device_id(LAMP, ada, NOW)
    for language, words in (
        ("en", "Connected since 23 November 2026, 12:00 UTC"),
        ("de", "Verbunden seit 23. November 2026, 12:00 UTC"),
    ):
        reader = Reader(app, languages=language).be(ada)
        assert words in reader.open("/lamps").text


def test_measures_are_written_as_the_language_does(app: Flask, ada: User, lampi: Lampi) -> None:
    claiming.associate_by_device_id(LAMP, ada, NOW)
    PublisherLease().acquire(NOW)
    with write_transaction():
        state_watches.watch([LAMP], NOW)
        state_watches.record(LAMP, LampConfig(Color(0.5, 0.25), 0.75, True), NOW)
    for language, seen, heard in (
        ("en", "25% Brightness 75%", ("180 degrees", "75 per cent")),
        ("de", "25 % Helligkeit 75 %", ("180 Grad", "75 Prozent")),
    ):
        page = Reader(app, languages=language).be(ada).open(f"/lamps/{LAMP}")
        assert seen in page.text
        assert all(f'aria-valuetext="{each}"' in page.html for each in heard)


def test_names_are_quoted_as_they_are_and_harmless(app: Flask, ada: User, lampi: Lampi) -> None:
    claiming.associate_by_device_id(LAMP, ada, NOW)
    name = '<b>100 %s"</b>'
    reader = Reader(app, languages="de").be(ada)
    reader.send(f"/lamps/{LAMP}/rename", {"name": name})
    page = reader.open("/lamps")
    assert f"Die Lampe heißt jetzt {name}." in page.text
    assert "<b>" not in page.html
    assert "<b>" not in reader.open(f"/lamps/{LAMP}/release").html


@pytest.mark.parametrize(
    ("path", "status", "heading"),
    [("/nothing", 404, "Seite nicht gefunden"), ("/sign-out", 405, "Aktion nicht verfügbar")],
)
def test_error_pages_are_in_the_language(app: Flask, path: str, status: int, heading: str) -> None:
    answer = Reader(app, languages="de").open(path)
    assert (answer.status, spoken(answer)) == (status, "de")
    assert f"<title>{heading} · LAMPI</title>" in answer.html


def test_the_api_speaks_english(app: Flask, ada: User) -> None:
    token = make_token(ada, "program", NOW)
    head = {"Authorization": f"Bearer {token}", "Accept-Language": "de"}
    answer = Reader(app).client.post("/api/v1/lamps", json={"code": "b71e09"}, headers=head)
    assert answer.get_json()["detail"] == f"{UnknownCode()} {UnknownCode.hint}"
    assert "Content-Language" not in answer.headers
    assert "Accept-Language" not in answer.headers.get("Vary", "")


def test_static_files_are_the_same_for_all(app: Flask) -> None:
    answer = Reader(app, languages="de").open("/static/page.js")
    assert "Content-Language" not in answer.headers
    assert "Accept-Language" not in answer.headers.get("Vary", "")
