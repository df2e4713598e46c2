"""Forms of the pages."""

from flask_wtf import FlaskForm
from wtforms import BooleanField, HiddenField, PasswordField, StringField

from cloud.errors import TranslatableError
from cloud.web.language import explained


class Form(FlaskForm):
    """A form with a CSRF token."""

    def text(self, name: str) -> str:
        """Return a field's text, empty if the field is missing."""
        return self[name].data or ""

    def refuse(self, name: str, refusal: TranslatableError) -> None:
        """Show an error below a field."""
        self[name].errors = [explained(refusal)]


class SignInForm(Form):
    name = StringField()
    password = PasswordField()


class PasswordForm(Form):
    current = PasswordField()
    new = PasswordField()
    remove_keys = BooleanField()


class RecoverForm(Form):
    """Sets a new password with a recovery code."""

    name = StringField()
    code = StringField()
    new = PasswordField()


class ConfirmForm(Form):
    """Confirms a change that would outlive the session with the current password."""

    current = PasswordField()


class NewPasskeyForm(ConfirmForm):
    name = StringField()


class MadePasskeyForm(Form):
    """What the browser made; name and handle are those of the first step."""

    name = HiddenField()
    handle = HiddenField()
    credential = HiddenField()


class PasskeySignInForm(Form):
    credential = HiddenField()


class CodeForm(Form):
    """The code on a lamp's screen."""

    code = StringField()


class FoundForm(Form):
    """Confirms a found lamp. The ticket ties the form to the page that shows that lamp."""

    ticket = HiddenField()


class NameForm(Form):
    name = StringField()
