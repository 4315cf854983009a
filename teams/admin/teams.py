"""Teams: founding one, naming an owner, granting credits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from teams import audit
from teams.credits import AlreadyPosted, grant
from teams.forms import CreateTeamForm, GrantForm, OwnerForm
from teams.models import Membership, Role, Team, User
from teams.models.people import TeamQuerySet
from teams.services import (
    Founding,
    TeamRefused,
    create_team_for,
    name_owner,
    send_welcome,
)

if TYPE_CHECKING:  # Generic for mypy only.
    _TeamAdmin = admin.ModelAdmin[Team]
else:
    _TeamAdmin = admin.ModelAdmin


class OwnedFilter(admin.SimpleListFilter):
    """Teams that somebody owns, or nobody yet."""

    title = gettext_lazy("owner")
    parameter_name = "owned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both kinds."""
        return [("no", _("Nobody yet")), ("yes", _("Somebody"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> QuerySet[Team]:
        """The teams of the chosen kind."""
        if self.value() in ("yes", "no"):
            owners = Membership.objects.filter(role=Role.OWNER)
            owned = Q(pk__in=owners.values("team"))
            return queryset.filter(owned if self.value() == "yes" else ~owned)
        return queryset


def may_grant(request: HttpRequest) -> bool:
    """Whether this operator may grant credits."""
    return request.user.has_perm("teams.grant_credits")


@admin.register(Team)
class TeamAdmin(_TeamAdmin):
    """Teams with their balance; founding, naming an owner and granting have forms of their own."""

    list_display = ("name", "address", "owned", "available", "held", "members", "created_at")
    list_filter = (OwnedFilter,)
    search_fields = ("name", "slug", "memberships__user__email")
    list_select_related = ("credit_account",)
    fields = ("name", "slug", "time_zone", "balance", "people", "stored", "created_at")
    readonly_fields = ("balance", "people", "stored", "created_at")
    change_form_template = "admin/teams/team/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        """Teams with the number of their members, and whether anybody owns them."""
        return cast(TeamQuerySet, super().get_queryset(request)).with_member_count().with_owned()

    def get_form(
        self, request: HttpRequest, obj: Team | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Django's form with words for what the address is."""
        kwargs["labels"] = {"slug": _("Address")}
        kwargs["help_texts"] = {"slug": _("The team's pages are at /t/, followed by this.")}
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

    @admin.display(description=gettext_lazy("has an owner"), boolean=True)
    def owned(self, team: Team) -> bool:
        """Whether somebody can invite people and spend credits; else the operator names one."""
        return team.is_owned  # type: ignore[attr-defined, no-any-return]

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
        members = format_html_join(
            mark_safe("<br>"),
            "{} ({}), {}",
            (
                (member.user.get_full_name(), member.user.email, member.get_role_display())
                for member in team.memberships.by_rank()
            ),
        )
        if team.is_owned:  # type: ignore[attr-defined]
            return members
        return format_html("<strong>{}</strong><br>{}", _no_owner(team), members)

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        """A team's ledger is kept, so teams are."""
        return False

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the forms for naming an owner and granting credits."""
        own = {"owner": self.owner_view, "grant": self.grant_view}
        return [
            *(
                path(
                    f"<uuid:team_id>/{name}/",
                    self.admin_site.admin_view(view),
                    name=f"teams_team_{name}",
                )
                for name, view in own.items()
            ),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The team's page, with "Grant credits" and "Name an owner" for those who may."""
        team = self.get_object(request, object_id)
        context = {
            **(extra_context or {}),
            "may_grant": may_grant(request),
            "may_name_owner": self.has_change_permission(request)
            and team is not None
            and not team.is_owned,  # type: ignore[attr-defined]
        }
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
                    _welcome(founding)
            except TeamRefused as exc:
                form.add_error("slug", exc.sentence)
            else:
                text = _("The team %(team)s was added.")
                messages.success(request, text % {"team": founding.team})
                _tell_how_in(request, founding)
                return redirect("admin:teams_team_change", founding.team.pk)
        context = self._context(request, _("Add team"), form)
        return TemplateResponse(request, "admin/teams/team/add.html", context)

    def owner_view(self, request: HttpRequest, team_id: Any) -> HttpResponse:
        """Name the owner of a team that has none, as when nobody took its invitation in time."""
        if not self.has_change_permission(request):
            raise PermissionDenied
        team = get_object_or_404(Team, pk=team_id)
        last = team.invitations.filter(role=Role.OWNER).first()
        form = OwnerForm(request.POST or None, initial={"owner_email": last.email if last else ""})
        if request.method == "POST" and form.is_valid():
            try:
                with transaction.atomic():
                    founding = name_owner(
                        team=team,
                        owner_email=form.cleaned_data["owner_email"],
                        actor=cast(User, request.user),
                    )
                    _welcome(founding)
            except TeamRefused as exc:
                form.add_error(None, exc.sentence)
            else:
                if founding.owner:
                    text = _("%(person)s owns the team now.")
                    messages.success(request, text % {"person": founding.owner})
                _tell_how_in(request, founding)
                return redirect("admin:teams_team_change", team.pk)
        context = self._context(request, _("Name an owner of %(team)s") % {"team": team}, form)
        context |= {"team": team, "state": _no_owner(team)}
        return TemplateResponse(request, "admin/teams/team/owner.html", context)

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
                given = grant(
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
                    grant=given.pk,
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


def _no_owner(team: Team) -> str:
    """What became of the last invitation to own a team that nobody owns."""
    last = team.invitations.filter(role=Role.OWNER).first()
    if last is None:
        return _("Nobody owns this team.")
    is_open = last.revoked_at is None and last.expires_at > now()
    text = (
        _("Nobody owns this team yet: %(email)s was invited and can accept until %(day)s.")
        if is_open
        else _("Nobody owns this team: the invitation of %(email)s ended on %(day)s.")
    )
    day = date_format(localtime(min(last.expires_at, last.revoked_at or last.expires_at)))
    return text % {"email": last.email, "day": day}


def _welcome(founding: Founding) -> None:
    if founding.owner and founding.needs_password:
        send_welcome(user=founding.owner, team=founding.team)


def _tell_how_in(request: HttpRequest, founding: Founding) -> None:
    if founding.owner is None:
        text = _(
            "The owner's account never proved its address, so an invitation to own the team was "
            "mailed there."
        )
        messages.warning(request, text)
    if founding.invitation_link:
        text = _("No mail server is set. Hand on this link: %(link)s")
        messages.warning(request, text % {"link": founding.invitation_link})
