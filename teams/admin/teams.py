"""Teams: the list of them with what they have and spend, and one team's page."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.defaultfilters import filesizeformat
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import mark_safe
from django.utils.text import format_lazy
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin import founding, many_grants, standing, team_credits
from teams.admin.steps import operator_of
from teams.admin.team_filters import BalanceFilter, OwnedFilter, StandingFilter
from teams.audit import record
from teams.models import Team
from teams.models.people import TeamQuerySet
from teams.templatetags.ledger import NONE
from teams.work_figures import DAYS, with_work

if TYPE_CHECKING:  # Generic for mypy only.
    _TeamAdmin = admin.ModelAdmin[Team]
else:
    _TeamAdmin = admin.ModelAdmin


@admin.register(Team)
class TeamAdmin(_TeamAdmin):
    """Teams with their balance. What an operator does to one has forms of its own."""

    list_display = (
        "name", "address", "available", "held", "spent", "last_active", "state", "owned", "members",
    )  # fmt: skip
    list_filter = (StandingFilter, OwnedFilter, BalanceFilter)
    search_fields = ("name", "slug", "memberships__user__email")
    list_select_related = ("credit_account",)
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ("grant_to_many",)
    fields = (
        "name", "slug", "time_zone", "state", "balance", "spent", "last_active", "people", "stored",
        "created_at",
    )  # fmt: skip
    readonly_fields = (
        "state", "balance", "spent", "last_active", "people", "stored", "created_at",
    )  # fmt: skip
    change_form_template = "admin/teams/team/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Team]:
        """Teams with their members counted, their owners looked for, and what their jobs spent."""
        teams = cast(TeamQuerySet, super().get_queryset(request))
        return with_work(teams.with_balance().with_member_count().with_owned())

    def get_form(
        self, request: HttpRequest, obj: Team | None = None, change: bool = False, **kwargs: Any
    ) -> Any:
        """Django's form with words for what the address is."""
        kwargs["labels"] = {"slug": _("Address")}
        kwargs["help_texts"] = {"slug": _("The team's pages are at /t/, followed by this.")}
        return super().get_form(request, obj, change, **kwargs)

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """Django's page; the way to the team's own pages is for its members."""
        page = cast(TemplateResponse, super().render_change_form(request, context, *args, **kwargs))
        team = cast("Team | None", kwargs.get("obj"))
        operator = operator_of(request)
        if team is not None and not team.memberships.filter(user=operator).exists():
            assert page.context_data is not None  # noqa: S101 - Django always gives one
            page.context_data["has_absolute_url"] = False
        return page

    # --- Columns ----------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("address"), ordering="slug")
    def address(self, team: Team) -> str:
        """The team's part of every address."""
        return team.slug

    @admin.display(description=gettext_lazy("standing"), ordering="suspended_at")
    def state(self, team: Team) -> str:
        """Whether it is at work, and why not."""
        words = standing.words_of(team)
        if team.suspended_at is None:
            return words
        if not team.suspended_reason:
            return format_html("<strong>{}</strong>", words)
        return format_html("<strong>{}</strong>: {}", words, team.suspended_reason)

    @admin.display(description=gettext_lazy("has an owner"), boolean=True)
    def owned(self, team: Team) -> bool:
        """Whether somebody can invite people and spend credits; else the operator names one."""
        return team.is_owned  # type: ignore[attr-defined, no-any-return]

    @admin.display(
        description=gettext_lazy("available credits"),
        ordering=F("credit_account__posted") - F("credit_account__held"),
    )
    def available(self, team: Team) -> str:
        """Credits that can be spent, with the way to the ledger."""
        amount = intcomma(team.credit_account.available)
        return format_html('<a href="{}">{}</a>', _ledger_of(team), amount)

    @admin.display(description=gettext_lazy("held credits"), ordering="credit_account__held")
    def held(self, team: Team) -> str:
        """Credits of unfinished jobs."""
        return str(intcomma(team.credit_account.held))

    @admin.display(
        description=format_lazy(gettext_lazy("spent in {n} days"), n=DAYS), ordering="spent_lately"
    )
    def spent(self, team: Team) -> str:
        """Credits that jobs spent lately."""
        return str(intcomma(team.spent_lately))  # type: ignore[attr-defined]

    @admin.display(
        description=gettext_lazy("last activity"),
        ordering=F("moved_at").asc(nulls_first=True),
    )
    def last_active(self, team: Team) -> str:
        """When a job was launched, ended or reviewed last."""
        at = team.moved_at  # type: ignore[attr-defined]
        return date_format(localtime(at), "DATETIME_FORMAT") if at else NONE

    @admin.display(description=gettext_lazy("members"), ordering="member_count")
    def members(self, team: Team) -> int:
        """How many people are in the team."""
        return team.member_count  # type: ignore[attr-defined, no-any-return]

    # --- One team ---------------------------------------------------------------------------------

    @admin.display(description=gettext_lazy("credits"))
    def balance(self, team: Team) -> str:
        """The balance with links to what is behind it."""
        account = team.credit_account
        query = f"?q={team.slug}"
        return format_html(
            '{} · <a href="{}">{}</a> · <a href="{}">{}</a> · <a href="{}">{}</a>',
            _("%(available)s available, %(held)s held")
            % {"available": intcomma(account.available), "held": intcomma(account.held)},
            _ledger_of(team),
            _("Ledger"),
            reverse("admin:teams_grant_changelist") + query,
            _("Grants"),
            reverse("admin:teams_creditrequest_changelist") + query,
            _("Requests"),
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
        return format_html("<strong>{}</strong><br>{}", founding.why_unowned(team), members)

    @admin.display(description=gettext_lazy("pictures kept"))
    def stored(self, team: Team) -> str:
        """Size of the originals and results, in units that people read."""
        return filesizeformat(team.storage_bytes)

    # --- What may be done -------------------------------------------------------------------------

    def save_model(self, request: HttpRequest, obj: Team, form: Any, change: bool) -> None:
        """Write and record what the form changed, and nothing else of the row.

        The figures of its pictures and its standing may have moved since it was read.
        """
        if not form.changed_data:
            return
        obj.save(update_fields=form.changed_data)
        values: dict[str, str] = {}
        for name in form.changed_data:
            values |= {name: str(getattr(obj, name)), f"former_{name}": str(form.initial[name])}
        operator = operator_of(request)
        record(team=obj, actor=operator, action="team.changed", subject=obj.name, **values)

    def has_delete_permission(self, request: HttpRequest, obj: Team | None = None) -> bool:
        """A team's ledger is kept, so teams are."""
        return False

    def has_grant_permission(self, request: HttpRequest) -> bool:
        """Who may grant credits; asked for the action on many teams."""
        return request.user.has_perm("teams.grant_credits")

    @admin.action(
        description=gettext_lazy("Grant credits to the chosen teams"), permissions=["grant"]
    )
    def grant_to_many(self, request: HttpRequest, queryset: QuerySet[Team]) -> HttpResponse | None:
        """The form for a grant to each of the ticked teams."""
        return many_grants.begin(request, queryset)

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the forms that do something to a team."""
        own: dict[str, Callable[..., HttpResponse]] = {
            "owner": founding.owner_view,
            "grant": team_credits.grant_view,
            "correct": team_credits.correct_view,
            "credit-back": team_credits.credit_back_view,
            "suspend": standing.suspend_view,
            "resume": standing.resume_view,
            "close": standing.close_view,
        }
        return [
            path(
                "grant-many/",
                self.admin_site.admin_view(many_grants.grant_many_view),
                name="teams_team_grant_many",
            ),
            *(
                path(
                    f"<uuid:team_id>/{name}/",
                    self.admin_site.admin_view(view),
                    name=f"teams_team_{name.replace('-', '_')}",
                )
                for name, view in own.items()
            ),
            *super().get_urls(),
        ]

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Found a team through the same service as everywhere: owner, account, audit."""
        return founding.found_view(request)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The team's page, with what this operator may do to it."""
        team = self.get_object(request, object_id)
        context = {**(extra_context or {}), "may": team and _acts(request, team)}
        return super().change_view(request, object_id, form_url, context)


def _acts(request: HttpRequest, team: Team) -> dict[str, bool]:
    """What the operator may do to this team as it stands, by the name of the form."""
    may = request.user.has_perm
    ends = team.closing_at is not None or team.closed_at is not None
    return {
        "owner": may("teams.change_team") and not team.is_owned,  # type: ignore[attr-defined]
        "grant": may("teams.grant_credits") and team.closed_at is None,
        "correct": may("teams.adjust_credits"),
        "credit_back": may("teams.refund_credits"),
        "suspend": may("teams.suspend_team") and team.suspended_at is None,
        "resume": team.suspended_at is not None
        and may("teams.close_team" if ends else "teams.suspend_team"),
        "close": may("teams.close_team") and not ends,
    }


def _ledger_of(team: Team) -> str:
    return f"{reverse('admin:teams_ledgerentry_changelist')}?team={team.slug}"
