"""The pages' forms: their fields, and how a refusal gets beside the field that it is about."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField

from cloud.errors import Refusal


class Form(FlaskForm):
    """A form that brings the token against forged requests."""

    def text(self, name: str) -> str:
        """Return what was put into a field; nothing at all is the empty string."""
        return self[name].data or ""

    def refuse(self, name: str, refusal: Refusal | str) -> None:
        """Put a refusal beside a field."""
        self[name].errors = [str(refusal)]


class SignInForm(Form):
    """Who one is."""

    name = StringField()
    password = PasswordField()


class PasswordForm(Form):
    """A change of password."""

    present = PasswordField()
    new = PasswordField()


class CodeForm(Form):
    """The code on a lamp's screen."""

    code = StringField()


class FoundForm(Form):
    """Which of the lamps that were found somebody means: the one on the page that they see."""

    ticket = HiddenField()


class NameForm(Form):
    """A lamp's name."""

    name = StringField()
