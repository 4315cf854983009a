"""Forms of people and teams: the account, invitations, the profile, the team's settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django import forms
from django.contrib.auth import password_validation
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from teams.models import Invitation, Role, Team, User
from teams.services import create_team
from teams.zones import zone_names

if TYPE_CHECKING:  # Generic for mypy only.
    _UserForm = forms.ModelForm[User]
    _TeamForm = forms.ModelForm[Team]
else:
    _UserForm = _TeamForm = forms.ModelForm


class SignupForm(AllauthSignupForm):  # type: ignore[misc]  # allauth has no types
    """Open sign-up: an account and its own team, or neither."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    team_name = forms.CharField(
        label=_("Name of your team"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    field_order = ("name", "team_name", "email", "password1")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("E-mail address")

    @transaction.atomic
    def save(self, request: HttpRequest) -> User:
        """Create the user and the team they own."""
        user: User = super().save(request)
        user.name = self.cleaned_data["name"]
        user.save(update_fields=["name"])
        create_team(name=self.cleaned_data["team_name"], owner=user)
        return user


class NewAccountForm(forms.Form):
    """What an invited person without an account gives: their name and a password."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    password = forms.CharField(
        label=_("Password"),
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
        help_text=_("At least 8 characters, not only digits, and not a common password."),
    )

    def __init__(self, *args: Any, invitation: Invitation, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.invitation = invitation

    def clean(self) -> dict[str, Any]:
        """Judge the password with the name and the address in mind."""
        data = super().clean() or {}
        if password := data.get("password"):
            person = User(email=self.invitation.email, name=data.get("name", ""))
            try:
                password_validation.validate_password(password, person)
            except forms.ValidationError as exc:
                self.add_error("password", exc)
        return data


class InviteForm(forms.Form):
    """Whom to invite, and as what. `is_owner` offers the owner's role, too."""

    email = forms.EmailField(label=_("E-mail address"), max_length=254)
    role = forms.ChoiceField(label=_("Role"), initial=Role.CREATOR)

    def __init__(self, *args: Any, is_owner: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = roles_for(is_owner=is_owner)  # type: ignore[attr-defined]


class ProfileForm(_UserForm):
    """How Diptych looks and speaks to one person."""

    class Meta:
        model = User
        fields = ("name", "time_zone", "theme", "shortcuts_enabled")
        labels = {
            "theme": _("Theme"),
            "shortcuts_enabled": _("Single-key shortcuts, such as A for approve"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].required = True
        self.fields["name"].label = _("Name")
        self.fields["time_zone"] = forms.ChoiceField(
            label=_("Time zone"),
            required=False,
            choices=[("", _("The team's time zone")), *((name, name) for name in zone_names())],
        )


class ThemeForm(_UserForm):
    """The theme alone, as the account menu sends it."""

    class Meta:
        model = User
        fields = ("theme",)


class TeamSettingsForm(_TeamForm):
    """What a team is called, whose clock its pages show, and what it demands of its owners."""

    class Meta:
        model = Team
        fields = ("name", "time_zone", "owners_need_2fa")
        labels = {
            "name": _("Name of the team"),
            "owners_need_2fa": _("Owners need two-step sign-in"),
        }

    def __init__(self, *args: Any, is_owner: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_owner:
            del self.fields["owners_need_2fa"]
        self.fields["time_zone"] = forms.ChoiceField(
            label=_("Time zone"),
            choices=[(name, name) for name in zone_names()],
            help_text=_("For members who chose none of their own."),
        )


class CloseTeamForm(forms.Form):
    """An owner's decision to close the team: its name, typed, against a slip of the finger."""

    name = forms.CharField(label=_("Type the name of the team"), max_length=100)
    reason = forms.CharField(label=_("Reason"), max_length=200, required=False)

    def __init__(self, *args: Any, team: Team, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.team = team

    def clean_name(self) -> str:
        """Nothing but the name of this team will do."""
        name = str(self.cleaned_data["name"])
        if name.strip() != self.team.name.strip():
            raise forms.ValidationError(_("This is not the name of the team."))
        return name


class OwnerForm(forms.Form):
    """The operator's form for the owner of a team."""

    owner_email = forms.EmailField(
        label=_("E-mail address of the owner"),
        help_text=_("New here: they get a mail to set their password. Unproved: a mail to accept."),
    )


class CreateTeamForm(OwnerForm):
    """The operator's form for a new team of a known person."""

    field_order = ("name", "slug", "owner_email")

    name = forms.CharField(label=_("Name"), max_length=100)
    slug = forms.SlugField(
        label=_("Address"),
        max_length=50,
        required=False,
        help_text=_("The team's part of the address. Empty: made from the name."),
    )


def roles_for(*, is_owner: bool) -> list[tuple[str, str]]:
    """The roles that a manager may give: only owners make owners."""
    return [
        (str(value), str(label)) for value, label in Role.choices if is_owner or value != Role.OWNER
    ]
