"""Grants of all teams: what is left of each, and the forms that end one or withdraw it."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import URLPattern, path
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.forms import ReasonForm
from teams.admin.read_only import ReadOnlyAdmin
from teams.admin.steps import Change, Preview, Step, operator_of, require
from teams.models import Grant
from teams.operator_credits import ActRefused, end, withdraw, zone_of
from teams.templatetags.ledger import NONE
from teams.templatetags.ui import credits as in_words

_STATES = {
    "waits": Q(posted_at=None, voided_at=None),
    "left": Q(remaining__gt=0),
    "used": Q(posted_at__isnull=False, expired_at=None, remaining=0),
    "ended": Q(expired_at__isnull=False),
    "withdrawn": Q(voided_at__isnull=False),
}


def _state_of(grant: Grant) -> str:
    if grant.voided_at is not None:
        return "withdrawn"
    if grant.expired_at is not None:
        return "ended"
    if grant.posted_at is None:
        return "waits"
    return "left" if grant.remaining else "used"


def _words() -> dict[str, str]:
    return {
        "waits": _("Begins later"),
        "left": _("In use"),
        "used": _("Used up or held"),
        "ended": _("Ended"),
        "withdrawn": _("Withdrawn"),
    }


class StateFilter(admin.SimpleListFilter):
    """Grants by what became of them."""

    title = gettext_lazy("state")
    parameter_name = "is"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """All states."""
        return list(_words().items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Grant]) -> QuerySet[Grant]:
        """The grants of the chosen state."""
        state = self.value()
        return queryset.filter(_STATES[state]) if state in _STATES else queryset


@admin.register(Grant)
class GrantAdmin(ReadOnlyAdmin):
    """Where the credits of teams came from."""

    list_display = (
        "team", "kind", "granted", "left", "state", "effective_at", "expires_at", "priority",
        "reason", "reference", "actor", "created_at",
    )  # fmt: skip
    list_display_links = ("team", "granted")
    list_filter = (StateFilter, "kind")
    search_fields = ("account__team__slug", "account__team__name", "reason", "reference", "actor")
    list_select_related = ("account__team",)
    ordering = ("-pk",)
    fields = (
        "team", "kind", "granted", "left", "state", "effective_at", "expires_at", "priority",
        "reason", "reference", "actor", "created_at", "posted_at", "announced_at", "expired_at",
        "voided_at", "key",
    )  # fmt: skip
    change_form_template = "admin/teams/grant/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        """Grants with their teams."""
        return super().get_queryset(request).select_related("account__team")

    @admin.display(description=gettext_lazy("team"))
    def team(self, grant: Grant) -> str:
        """Whose they are."""
        return grant.account.team.name

    @admin.display(description=gettext_lazy("amount"), ordering="amount")
    def granted(self, grant: Grant) -> str:
        """Credits that were given."""
        return str(intcomma(grant.amount))

    @admin.display(description=gettext_lazy("left"), ordering="remaining")
    def left(self, grant: Grant) -> str:
        """Credits that nobody holds or spent."""
        return str(intcomma(grant.remaining))

    @admin.display(description=gettext_lazy("state"))
    def state(self, grant: Grant) -> str:
        """What became of it, in a word or two."""
        return _words()[_state_of(grant)]

    def get_urls(self) -> list[URLPattern]:
        """Django's pages and the forms that end a grant or withdraw it."""
        own = {"end": end_view, "withdraw": withdraw_view}
        return [
            *(
                path(
                    f"<int:grant_id>/{name}/",
                    self.admin_site.admin_view(view),
                    name=f"teams_grant_{name}",
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
        """The grant's page, with what may still be done to it."""
        grant = self.get_object(request, object_id)
        state = _state_of(grant) if grant is not None else ""
        context = {
            "may_end": state in ("left", "used") and request.user.has_perm("teams.adjust_credits"),
            "may_withdraw": state == "waits" and request.user.has_perm("teams.grant_credits"),
        }
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **context}
        )


def end_view(request: HttpRequest, grant_id: int) -> HttpResponse:
    """End a grant before its time and take back what it has left."""
    require(request, "adjust_credits")
    grant = _grant(grant_id)
    step = Step(
        request,
        Grant,
        grant,
        _("End this grant"),
        ReasonForm(request.POST or None),
        lead=_(
            "What is left is taken back now. What unfinished jobs hold of it stays theirs, and ends "
            "when it returns."
        ),
        rows=_facts(grant),
    )
    if not step.is_sent:
        return step.show()
    team, reason = grant.account.team, step.form.cleaned_data["reason"]
    if step.is_confirmed:
        try:
            taken = end(given=grant, by=operator_of(request), reason=reason)
        except ActRefused as exc:
            messages.error(request, str(exc))
        else:
            text = _("The grant has ended: %(amount)s of %(team)s were taken back.")
            messages.success(request, text % {"amount": in_words(taken), "team": team})
        return redirect("admin:teams_grant_change", grant.pk)
    if step.wants_preview:
        available = grant.account.available
        text = _("%(amount)s taken back, with the reason “%(reason)s”.")
        step.preview = Preview(
            sentence=text % {"amount": in_words(grant.remaining), "reason": reason},
            button=_("End the grant"),
            changes=[Change(team.name, available, available - grant.remaining)],
        )
    return step.show()


def withdraw_view(request: HttpRequest, grant_id: int) -> HttpResponse:
    """Take a grant back that has not begun."""
    require(request, "grant_credits")
    grant = _grant(grant_id)
    step = Step(
        request,
        Grant,
        grant,
        _("Withdraw this grant"),
        ReasonForm(request.POST or None),
        lead=_("It has not begun: it never will, and the balance stays as it is."),
        button=_("Withdraw"),
        rows=_facts(grant),
    )
    if not step.is_sent:
        return step.show()
    try:
        reason = step.form.cleaned_data["reason"]
        withdraw(given=grant, by=operator_of(request), reason=reason)
    except ActRefused as exc:
        messages.error(request, str(exc))
    else:
        messages.success(request, _("The grant was withdrawn."))
    return redirect("admin:teams_grant_change", grant.pk)


def _grant(grant_id: int) -> Grant:
    return get_object_or_404(Grant.objects.select_related("account__team"), pk=grant_id)


def _facts(grant: Grant) -> list[tuple[str, str]]:
    zone = zone_of(grant.account.team)
    facts = [
        (_("Team"), grant.account.team.name),
        (_("Granted"), in_words(grant.amount)),
        (_("Left"), in_words(grant.remaining)),
        (_("Begins"), date_format(localtime(grant.effective_at, zone), "DATETIME_FORMAT")),
    ]
    if grant.expires_at:
        ends = date_format(localtime(grant.expires_at, zone), "DATETIME_FORMAT")
        facts.append((_("Ends"), ends))
    return [*facts, (_("Granted for"), grant.reason or NONE)]
