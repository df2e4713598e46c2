"""Forms of the pages."""

from flask_wtf import FlaskForm
from wtforms import HiddenField, PasswordField, StringField

from cloud.errors import UserError


class Form(FlaskForm):
    """A form with a CSRF token."""

    def text(self, name: str) -> str:
        """Return a field's text, empty if the field is missing."""
        return self[name].data or ""

    def refuse(self, name: str, refusal: UserError | str) -> None:
        """Show an error below a field."""
        self[name].errors = [str(refusal)]


class SignInForm(Form):
    name = StringField()
    password = PasswordField()


class PasswordForm(Form):
    current = PasswordField()
    new = PasswordField()


class CodeForm(Form):
    """The code on a lamp's screen."""

    code = StringField()


class FoundForm(Form):
    """Confirms a found lamp. The ticket ties the form to the page that shows that lamp."""

    ticket = HiddenField()


class NameForm(Form):
    name = StringField()
