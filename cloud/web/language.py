"""The page's language: English in the code, others from gettext catalogues, as the browser wishes."""

from datetime import datetime
from typing import Literal

from babel.dates import format_date, format_time
from babel.units import format_unit
from flask import Flask, Response, request
from flask_babel import Babel, get_locale, gettext

from cloud.errors import TranslatableError, Wait

LOCALES = {"en": "en_GB", "de": "de"}
"""What the browser is asked for, and how dates are written. Each but English has a catalogue in `locale/`."""

DEFAULT_LANGUAGE = "en"

_UNITS = {"degree": "angle-degree", "percent": "concentr-percent"}
"""Scripts' names of units, and Babel's."""


def serve(app: Flask) -> None:
    """Install translations in an application and its templates, and name the language in each page's headers."""
    Babel(app, default_domain="web", default_translation_directories="locale", locale_selector=_wanted_locale)
    app.jinja_env.policies["ext.i18n.trimmed"] = True
    app.jinja_env.globals["language"] = language
    app.after_request(_declare)


def language() -> str:
    """Return the language of the current request's page."""
    return str(get_locale().language)


def explained(error: TranslatableError) -> str:
    """Return an error's message in the page's language."""
    return str(gettext(error.text, **{name: _shown(value) for name, value in error.parameters.items()}))


def shown_instant(instant: datetime) -> str:
    """Return a timestamp in UTC for people, the fallback where no script shows local time."""
    locale = get_locale()
    return f"{format_date(instant, 'long', locale)}, {format_time(instant, 'short', locale=locale)} UTC"


def shown_duration(duration: Wait) -> str:
    """Return a duration in words."""
    return str(format_unit(duration.number, f"duration-{duration.unit}", "long", locale=get_locale()))


def measured(value: int, unit: str, width: Literal["long", "narrow"]) -> str:
    """Return a number with its unit, as a browser's `Intl.NumberFormat` writes it: one of `_UNITS`."""
    return format_unit(value, _UNITS[unit], width, locale=get_locale())


def _shown(value: object) -> object:
    return shown_duration(value) if isinstance(value, Wait) else value


def _wanted_locale() -> str:
    """Return the locale of the language that the browser prefers among those of the page, in any regional form.

    Werkzeug's `best_match` prefers exact matches: for "de-AT, en;q=0.5" it returns English.
    """
    wanted = (name.partition("-")[0].lower() for name, quality in request.accept_languages if quality > 0)
    return LOCALES[next((language for language in wanted if language in LOCALES), DEFAULT_LANGUAGE)]


def _declare(response: Response) -> Response:
    """Name the language of a page. The API's responses and redirects are in English."""
    if response.mimetype == "text/html" and not 300 <= response.status_code < 400:
        response.content_language.add(language())
        response.vary.add("Accept-Language")
    return response
