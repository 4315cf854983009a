"""People: who may sign in, and which of them are operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.http import HttpRequest
from django.utils.translation import gettext as _

from teams.models import User

if TYPE_CHECKING:  # Generic for mypy only.
    _UserAdmin = DjangoUserAdmin[User]
    _UserCreationForm = AdminUserCreationForm[User]
else:
    _UserAdmin = DjangoUserAdmin
    _UserCreationForm = AdminUserCreationForm


class UserCreationForm(_UserCreationForm):
    """Django's form without a user name."""

    class Meta:
        model = User
        fields = ("email", "name")
        field_classes: dict[str, type[forms.Field]] = {}

    def clean_email(self) -> str:
        """Addresses are kept in lower case."""
        return str(self.cleaned_data["email"]).lower()


@admin.register(User)
class UserAdmin(_UserAdmin):
    """People. Their address is their name to sign in with."""

    add_form = UserCreationForm
    list_display = ("email", "name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("email_proved", "joined_at", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "email_proved", "name", "password")}),
        (_("Settings"), {"fields": ("time_zone", "theme", "shortcuts_enabled")}),
        (
            _("Permissions"),
            {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")},
        ),
        (_("Dates"), {"fields": ("last_login", "joined_at")}),
    )
    add_fieldsets = (
        (None, {"fields": ("email", "name", "usable_password", "password1", "password2")}),
    )

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save, and forget the former address: allauth would go on letting it sign in.

        The operator vouches for people they add; an address that changes is to be proved anew.
        """
        if not change:
            obj.email_proved = True
        elif "email" in form.changed_data:
            obj.email_proved = False
        super().save_model(request, obj, form, change)
        EmailAddress.objects.filter(user=obj).exclude(email__iexact=obj.email).delete()

    def has_add_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only superusers: who may edit people could make themselves one."""
        return bool(request.user.is_active and request.user.is_superuser)

    has_change_permission = has_add_permission

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People are switched off, so that what they did keeps its name."""
        return False
