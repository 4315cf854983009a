"""The same grant to many teams: ticked in the list, previewed with every balance, told one by one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.forms import TEAMS_MOST, ManyGrantForm, teams_in
from teams.admin.steps import Preview, Step, operator_of, require
from teams.admin.team_credits import change_by, facts_of
from teams.models import Team
from teams.operator_credits import Outcome, Share, Terms, give_to_many
from teams.templatetags.ui import credits as in_words

#: What became of a team's share, as people read it.
WORDS: dict[Outcome, str | Promise] = {
    Outcome.GIVEN: gettext_lazy("Granted"),
    Outcome.WAITS: gettext_lazy("Begins later"),
    Outcome.REPEATED: gettext_lazy("Was granted already: nothing was added"),
    Outcome.CLOSED: gettext_lazy("Closed: got nothing"),
}


def begin(request: HttpRequest, ticked: QuerySet[Team]) -> HttpResponse | None:
    """The empty form for the teams that were ticked; None, with a message, for too many."""
    ids = list(ticked.order_by("pk").values_list("pk", flat=True)[: TEAMS_MOST + 1])
    if len(ids) > TEAMS_MOST:
        text = _("At most %(most)s teams at a time.") % {"most": TEAMS_MOST}
        messages.error(request, text)
        return None
    teams = _teams(ids)
    form = ManyGrantForm(initial={"teams": ",".join(map(str, ids))}, teams=teams)
    return _step(request, form, teams).show()


def grant_many_view(request: HttpRequest) -> HttpResponse:
    """The preview and the grant itself; what is sent twice counts once per team."""
    require(request, "grant_credits")
    try:
        teams = _teams(teams_in(request.POST.get("teams", "")))
    except ValueError:
        return redirect("admin:teams_team_changelist")
    form = ManyGrantForm(request.POST, teams=teams)
    step = _step(request, form, teams)
    if step.is_sent:
        terms = form.terms()
        if step.is_confirmed:
            shares = give_to_many(
                teams=teams, terms=terms, by=operator_of(request), key=form.cleaned_data["key"]
            )
            return _result(request, terms, shares)
        if step.wants_preview:
            step.preview = _preview(teams, terms)
    return step.show()


def _preview(teams: Sequence[Team], terms: Terms) -> Preview:
    open_ = sum(team.closed_at is None for team in teams)
    text = _(
        "%(each)s to each of %(n)s teams, %(total)s in all, with the reason “%(reason)s”. Each team "
        "is granted its credits by itself: one that cannot get them keeps no other from them."
    )
    total = in_words(open_ * terms.amount)
    said = {"each": in_words(terms.amount), "n": open_, "total": total, "reason": terms.reason}
    return Preview(
        sentence=text % said,
        button=_("Grant %(total)s") % {"total": total},
        changes=[change_by(team, terms) for team in teams],
        facts=facts_of(terms),
    )


def _result(request: HttpRequest, terms: Terms, shares: Sequence[Share]) -> HttpResponse:
    after = {team.pk: team for team in _teams(share.team.pk for share in shares)}
    rows = [(after[share.team.pk], WORDS[share.outcome]) for share in shares]
    given = sum(share.outcome in (Outcome.GIVEN, Outcome.WAITS) for share in shares)
    said = {"given": given, "all": len(shares), "amount": in_words(terms.amount)}
    context = {
        **admin.site.each_context(request),
        "opts": Team._meta,
        "title": _("Grant credits to %(n)s teams") % {"n": len(shares)},
        "summary": _("%(given)s of %(all)s teams were granted %(amount)s.") % said,
        "rows": rows,
    }
    return TemplateResponse(request, "admin/teams/team/granted.html", context)


def _step(request: HttpRequest, form: ManyGrantForm, teams: Sequence[Team]) -> Step:
    names = ", ".join(team.name for team in teams[:20])
    more = len(teams) - 20
    if more > 0:
        names = _("%(names)s and %(more)s more") % {"names": names, "more": more}
    return Step(
        request,
        Team,
        None,
        _("Grant credits to %(n)s teams") % {"n": len(teams)},
        form,
        lead=_("The same to each of: %(teams)s.") % {"teams": names},
        action=reverse("admin:teams_team_grant_many"),
    )


def _teams(ids: Iterable[UUID]) -> list[Team]:
    return list(Team.objects.with_balance().filter(pk__in=list(ids)).order_by("name", "pk"))
