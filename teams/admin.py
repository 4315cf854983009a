"""The operator's side of people and credits, in Django's own admin.

Records of what happened are read-only here. Credits move only through `teams.credits.grant`, by a
form that is previewed, confirmed and counted once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import allauth.account.admin  # noqa: F401  (registers, before it is unregistered below)
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.forms import AdminUserCreationForm
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from teams import audit
from teams.credits import AlreadyPosted, grant
from teams.forms import CreateTeamForm, GrantForm
from teams.models import (
    AuditEntry,
    CreditAccount,
    Invitation,
    LedgerEntry,
    OutgoingMail,
    Team,
    User,
)
from teams.models.people import TeamQuerySet
from teams.outbox import send_again
from teams.services import Founding, TeamRefused, create_team_for, send_welcome
from teams.templatetags.ledger import signed

if TYPE_CHECKING:  # Generic for mypy only.
    _TeamAdmin = admin.ModelAdmin[Team]
    _AnyAdmin = admin.ModelAdmin[Any]
    _UserAdmin = DjangoUserAdmin[User]
    _UserCreationForm = AdminUserCreationForm[User]
else:
    _TeamAdmin = _AnyAdmin = admin.ModelAdmin
    _UserAdmin = DjangoUserAdmin
    _UserCreationForm = AdminUserCreationForm

# People's addresses are edited with the people; allauth's own table of them only follows.
admin.site.unregister(EmailAddress)

# Staff sign in by the same page as everybody, so its rate limits hold for the admin, too.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.site_header = gettext_lazy("Diptych administration")
admin.site.site_title = gettext_lazy("Diptych")
admin.site.index_title = gettext_lazy("Operator's pages")


class ReadOnlyAdmin(_AnyAdmin):
    """Rows that are written by the product and only read here."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody adds."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody deletes."""
        return False


def may_grant(request: HttpRequest) -> bool:
    """Whether this operator may grant credits."""
    return request.user.has_perm("teams.grant_credits")


@admin.register(Team)
class TeamAdmin(_TeamAdmin):
    """Teams with their balance; founding one and granting credits have forms of their own."""

    list_display = ("name", "address", "available", "held", "members", "created_at")
    search_fields = ("name", "slug", "memberships__user__email")
    list_select_related = ("credit_account",)
    fields = ("name", "slug", "time_zone", "balance", "people", "stored", "created_at")
    readonly_fields = ("balance", "people", "stored", "created_at")
    change_form_template = "admin/teams/team/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        """Teams with the number of their members."""
        return cast(TeamQuerySet, super().get_queryset(request)).with_member_count()

    def get_form(
        self, request: HttpRequest, obj: Team | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Django's form with words for what the address is."""
        kwargs["labels"] = {"slug": _("Address")}
        kwargs["help_texts"] = {"slug": _("The team's pages are at /t/<address>/.")}
        return super().get_form(request, obj, change, **kwargs)

    @admin.display(description=gettext_lazy("address"), ordering="slug")
    def address(self, team: Team) -> str:
        """The team's part of every address."""
        return team.slug

    @admin.display(description=gettext_lazy("pictures kept"))
    def stored(self, team: Team) -> str:
        """Size of the originals and results, in units that people read."""
        return filesizeformat(team.storage_bytes)

    @admin.display(description=gettext_lazy("available credits"))
    def available(self, team: Team) -> int:
        """Credits that can be spent."""
        return team.credit_account.available

    @admin.display(description=gettext_lazy("held credits"))
    def held(self, team: Team) -> int:
        """Credits of unfinished jobs."""
        return team.credit_account.held

    @admin.display(description=gettext_lazy("members"))
    def members(self, team: Team) -> int:
        """How many people are in the team."""
        return team.member_count  # type: ignore[attr-defined, no-any-return]

    @admin.display(description=gettext_lazy("credits"))
    def balance(self, team: Team) -> str:
        """The balance with a link to the entries behind it."""
        account = team.credit_account
        return format_html(
            '{} · <a href="{}?account__id__exact={}">{}</a>',
            _("%(available)d available, %(held)d held")
            % {"available": account.available, "held": account.held},
            reverse("admin:teams_ledgerentry_changelist"),
            account.pk,
            _("Ledger"),
        )

    @admin.display(description=gettext_lazy("members"))
    def people(self, team: Team) -> str:
        """Who is in the team. Roles change on the team's own page, with its rules."""
        return format_html_join(
            mark_safe("<br>"),
            "{} ({}), {}",
            (
                (member.user.get_full_name(), member.user.email, member.get_role_display())
                for member in team.memberships.by_rank()
            ),
        )

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        """A team's ledger is kept, so teams are."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the form for granting credits."""
        own = path(
            "<uuid:team_id>/grant/",
            self.admin_site.admin_view(self.grant_view),
            name="teams_team_grant",
        )
        return [own, *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The team's page, with "Grant credits" for those who may."""
        context = {**(extra_context or {}), "may_grant": may_grant(request)}
        return super().change_view(request, object_id, form_url, context)

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Found a team through the same service as everywhere: owner, account, audit."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = CreateTeamForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            data = form.cleaned_data
            try:
                with transaction.atomic():
                    founding = create_team_for(
                        name=data["name"],
                        slug=data["slug"],
                        owner_email=data["owner_email"],
                        actor=cast(User, request.user),
                    )
                    if founding.owner and founding.needs_password:
                        send_welcome(user=founding.owner, team=founding.team)
            except TeamRefused as exc:
                form.add_error("slug", exc.sentence)
            else:
                self._tell(request, founding)
                return redirect("admin:teams_team_change", founding.team.pk)
        context = self._context(request, _("Add team"), form)
        return TemplateResponse(request, "admin/teams/team/add.html", context)

    def _tell(self, request: HttpRequest, founding: Founding) -> None:
        text = _("The team %(team)s was added.")
        messages.success(request, text % {"team": founding.team})
        if founding.owner is None:
            text = _(
                "The owner's account never proved its address, so an invitation to own the team "
                "was mailed there."
            )
            messages.warning(request, text)
        if founding.invitation_link:
            text = _("No mail server is set. Hand on this link: %(link)s")
            messages.warning(request, text % {"link": founding.invitation_link})

    def grant_view(self, request: HttpRequest, team_id: Any) -> HttpResponse:
        """Grant credits in two steps: the form, then a preview to confirm. POST only moves."""
        if not may_grant(request):
            raise PermissionDenied
        team = get_object_or_404(Team.objects.with_balance(), pk=team_id)
        form = GrantForm(request.POST or None)
        context = self._context(request, _("Grant credits to %(team)s") % {"team": team}, form)
        context |= {"team": team, "account": team.credit_account}
        if request.method == "POST" and form.is_valid():
            if "confirm" in request.POST:
                return self._grant(request, team, form)
            if "back" not in request.POST:
                after = team.credit_account.available + form.cleaned_data["amount"]
                context["preview"] = {**form.cleaned_data, "after": after}
        return TemplateResponse(request, "admin/teams/team/grant.html", context)

    def _grant(self, request: HttpRequest, team: Team, form: GrantForm) -> HttpResponse:
        amount = form.cleaned_data["amount"]
        operator = cast(User, request.user)
        try:
            with transaction.atomic():
                entry = grant(
                    team=team,
                    amount=amount,
                    actor=operator.email,
                    reason=form.cleaned_data["reason"],
                    key=str(form.cleaned_data["key"]),
                )
                audit.record(
                    team=team,
                    actor=operator,
                    action="credits.granted",
                    subject=form.cleaned_data["reason"],
                    credits=amount,
                    entry=entry.seq,
                )
        except AlreadyPosted:
            messages.info(request, _("These credits were granted already. Nothing was added."))
        else:
            text = ngettext(
                "%(amount)d credit granted to %(team)s.",
                "%(amount)d credits granted to %(team)s.",
                amount,
            )
            messages.success(request, text % {"amount": amount, "team": team})
        return redirect("admin:teams_team_change", team.pk)

    def _context(self, request: HttpRequest, title: str, form: forms.Form) -> dict[str, Any]:
        return {
            **self.admin_site.each_context(request),
            "opts": self.model._meta,
            "title": title,
            "form": form,
        }


@admin.register(CreditAccount)
class CreditAccountAdmin(ReadOnlyAdmin):
    """Balances, to look at."""

    list_display = ("team", "available", "balance", "held_credits", "may_owe", "entries")
    search_fields = ("team__name", "team__slug")
    list_select_related = ("team",)

    @admin.display(description=gettext_lazy("balance with held credits"), ordering="posted")
    def balance(self, account: CreditAccount) -> int:
        """Granted less spent, in credits."""
        return account.posted

    @admin.display(description=gettext_lazy("held by unfinished jobs"), ordering="held")
    def held_credits(self, account: CreditAccount) -> int:
        """Credits that unfinished jobs hold."""
        return account.held

    @admin.display(description=gettext_lazy("may fall below zero by"), ordering="overdraft")
    def may_owe(self, account: CreditAccount) -> int:
        """The overdraft, in credits."""
        return account.overdraft

    @admin.display(description=gettext_lazy("ledger entries"), ordering="seq")
    def entries(self, account: CreditAccount) -> int:
        """How many entries the ledger has."""
        return account.seq


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Every movement of credits, newest first."""

    list_display = (
        "at", "team", "number", "kind", "moved", "moved_held", "balance", "held_then", "actor",
        "reason", "job",
    )  # fmt: skip
    list_filter = ("kind",)
    search_fields = ("job", "key", "actor", "account__team__slug")
    list_select_related = ("account__team",)
    ordering = ("-at", "-pk")

    @admin.display(description=gettext_lazy("team"))
    def team(self, entry: LedgerEntry) -> str:
        """Whose account moved."""
        return entry.account.team.slug

    @admin.display(description=gettext_lazy("no."))
    def number(self, entry: LedgerEntry) -> int:
        """The entry's number in its account."""
        return entry.seq

    @admin.display(description=gettext_lazy("credits"))
    def moved(self, entry: LedgerEntry) -> str:
        """What it added to the balance or took from it."""
        return signed(entry.d_posted)

    @admin.display(description=gettext_lazy("held"))
    def moved_held(self, entry: LedgerEntry) -> str:
        """What it held or released."""
        return signed(entry.d_held)

    @admin.display(description=gettext_lazy("balance then"))
    def balance(self, entry: LedgerEntry) -> int:
        """The balance after it, with what was held."""
        return entry.posted_after

    @admin.display(description=gettext_lazy("held then"))
    def held_then(self, entry: LedgerEntry) -> int:
        """What was held after it."""
        return entry.held_after

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """The team's page links here with its account."""
        return lookup == "account__id__exact" or super().lookup_allowed(
            lookup, value, cast(HttpRequest, request)
        )


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    """Who did what of consequence."""

    list_display = ("at", "team", "actor", "action", "subject", "data")
    list_filter = ("action",)
    search_fields = ("actor", "subject", "team__slug")
    list_select_related = ("team",)


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations and what became of them. Their links are kept nowhere."""

    list_display = (
        "email",
        "team",
        "role",
        "created_at",
        "expires_at",
        "accepted_at",
        "revoked_at",
    )
    search_fields = ("email", "team__slug")
    list_select_related = ("team",)
    exclude = ("secret_hash",)


@admin.register(OutgoingMail)
class OutgoingMailAdmin(ReadOnlyAdmin):
    """Mails on their way and those that could not be sent. Their text holds links and stays hidden."""

    list_display = ("created_at", "subject", "recipients", "attempts", "sent_at", "given_up_at")
    exclude = ("message",)
    change_form_template = "admin/teams/outgoingmail/change_form.html"

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and "send again"."""
        own = path(
            "<int:mail_id>/again/",
            self.admin_site.admin_view(self.again_view),
            name="teams_outgoingmail_again",
        )
        return [own, *super().get_urls()]

    def again_view(self, request: HttpRequest, mail_id: int) -> HttpResponse:
        """Put a mail that was given up back into the line (POST)."""
        if request.method != "POST" or not self.has_view_permission(request):
            raise PermissionDenied
        if send_again(mail_id):
            messages.success(request, _("The mail is in the line again."))
        else:
            messages.info(request, _("This mail was sent or is still being tried."))
        return redirect("admin:teams_outgoingmail_change", mail_id)


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
