"""People: who may sign in, and which of them are operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.audit import record
from teams.models import User
from teams.second_factor import is_set_up, reset

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


class ResetForm(forms.Form):
    """Why somebody's second step of signing in is taken away."""

    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("How you made sure that it is them who asks."),
    )


@admin.register(User)
class UserAdmin(_UserAdmin):
    """People. Their address is their name to sign in with."""

    add_form = UserCreationForm
    list_display = ("email", "name", "is_staff", "is_active", "last_login")
    list_filter = ("is_staff", "is_superuser", "is_active")
    search_fields = ("email", "name")
    ordering = ("email",)
    readonly_fields = ("email_proved", "second_step", "joined_at", "last_login")
    change_form_template = "admin/teams/user/change_form.html"
    fieldsets = (
        (None, {"fields": ("email", "email_proved", "name", "password", "second_step")}),
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

    def log_addition(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Record it in the audit trail as well."""
        entry = super().log_addition(request, obj, message)
        record(team=None, actor=cast(User, request.user), action="person.added", subject=obj.email)
        return entry

    def log_change(self, request: HttpRequest, obj: User, message: Any) -> Any:
        """Record it in the audit trail as well: who became an operator, whose password was set."""
        entry = super().log_change(request, obj, message)
        if message:
            record(
                team=None,
                actor=cast(User, request.user),
                action="person.changed",
                subject=obj.email,
                what=entry.get_change_message(),
                is_staff=obj.is_staff,
                is_superuser=obj.is_superuser,
                is_active=obj.is_active,
            )
        return entry

    def has_add_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Only superusers: who may edit people could make themselves one."""
        return bool(request.user.is_active and request.user.is_superuser)

    has_change_permission = has_add_permission

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People are switched off, so that what they did keeps its name."""
        return False

    @admin.display(description=gettext_lazy("second step of signing in"))
    def second_step(self, user: User) -> str:
        """Whether a code is asked for after the password."""
        return _("set up") if is_set_up(user) else _("none")

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the form that resets a second step."""
        own = path(
            "<int:user_id>/reset-second-step/",
            self.admin_site.admin_view(self.reset_view),
            name="teams_user_reset_second_step",
        )
        return [own, *super().get_urls()]

    def reset_view(self, request: HttpRequest, user_id: int) -> HttpResponse:
        """Take the second step of somebody who lost the phone and the codes away (POST)."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        user = get_object_or_404(User, pk=user_id)
        form = ResetForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            operator = cast(User, request.user)
            if reset(user=user, actor=operator, reason=form.cleaned_data["reason"]):
                text = _("%(person)s signs in by password alone until they set up another step.")
                messages.success(request, text % {"person": user})
            else:
                messages.info(request, _("There was no second step to reset."))
            return redirect("admin:teams_user_change", user.pk)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": _("Reset the second step of %(person)s") % {"person": user},
            "form": form,
            "person": user,
        }
        return TemplateResponse(request, "admin/teams/user/reset_second_step.html", context)
