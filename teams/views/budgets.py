"""The budgets page: what a month may cost the team and each member, and what it did so far."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from teams.access import Right, may, team_view
from teams.budget_changes import BudgetRefused, set_budgets
from teams.budget_forms import BudgetForm
from teams.budget_status import (
    Standing,
    managers,
    month_of,
    next_month,
    standings,
    used_by_person,
)
from teams.http import TeamRequest
from teams.models import User

#: Dismissed notices that a session remembers: more than two months bring.
NOTICES_KEPT = 40


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the page: the team (no member) or a person, this month, and the form."""

    member: User | None
    standing: Standing | None
    used: int
    form: BudgetForm | None


@require_GET
@team_view(Right.SEE_MONEY)
def credits_budgets(request: TeamRequest) -> HttpResponse:
    """This month's budgets; with the forms for those who manage them, else one's own alone."""
    return _page(request, _rows(request))


@require_POST
@team_view(Right.MANAGE_BUDGETS)
def credits_budgets_save(request: TeamRequest) -> HttpResponse:
    """Set every limit of the form that differs. One wrong field and nothing is saved."""
    rows = _rows(request, posted=True)
    forms = {row.member: row.form for row in rows if row.form is not None}
    judged = [form.is_valid() for form in forms.values()]
    if not all(judged):
        return _page(request, rows, status=422)
    wishes = {member: form.wish() for member, form in forms.items() if form.has_changed()}
    try:
        changed = set_budgets(team=request.team, by=request.user, wishes=wishes, at=now())
    except BudgetRefused as exc:
        messages.error(request, str(exc))
    else:
        text = ngettext("%(n)d budget changed.", "%(n)d budgets changed.", changed)
        messages.success(request, text % {"n": changed} if changed else _("Nothing was changed."))
    return redirect("teams:credits_budgets", request.team.slug)


@require_POST
@team_view(Right.SEE_MONEY)
def credits_notice_dismiss(request: TeamRequest) -> HttpResponse:
    """Put one notice of the shell away, until there is something new to say."""
    kept: list[str] = request.session.get("dismissed_notices", [])
    key = request.POST.get("key", "")[:200]
    if key and key not in kept:
        request.session["dismissed_notices"] = [*kept, key][-NOTICES_KEPT:]
    here = request.POST.get("next", "")
    if url_has_allowed_host_and_scheme(here, allowed_hosts={request.get_host()}):
        return redirect(here)
    return redirect("teams:credits_budgets", request.team.slug)


def _rows(request: TeamRequest, *, posted: bool = False) -> list[Row]:
    team = request.team
    decides = may(request.membership, Right.MANAGE_BUDGETS)
    data = request.POST if posted else None
    at = now()
    by_member = {standing.budget.member_id: standing for standing in standings(team, at)}
    people = [
        member.user
        for member in team.memberships.by_rank()
        if member.user_id in by_member or may(member, Right.LAUNCH)
    ]
    if not decides:
        people = [person for person in people if person == request.user]
    # Where no budget counts, the ledger is added up, which takes longer.
    is_counted = all((m.pk if m else None) in by_member for m in (None, *people))
    used = used_by_person(team, month_of(team, at)) if decides and not is_counted else {}
    rows = []
    for member in [None, *people]:
        standing = by_member.get(member.pk if member else None)
        budget = standing.budget if standing else None
        form = None
        if decides:
            prefix = f"member{member.pk}" if member else "team"
            form = BudgetForm(data, budget=budget, prefix=prefix)
        so_far = used.get(member.email, 0) if member else sum(used.values())
        rows.append(Row(member, standing, standing.used if standing else so_far, form))
    return rows


def _page(request: TeamRequest, rows: list[Row], *, status: int = 200) -> HttpResponse:
    decides = may(request.membership, Right.MANAGE_BUDGETS)
    starts = month_of(request.team, now())
    context = {
        "team": request.team,
        "rows": rows,
        "of_team": rows[0],
        "of_members": rows[1:],
        "decides": decides,
        "starts": starts,
        "ends": next_month(starts),
        "has_errors": any(row.form.errors for row in rows if row.form and row.form.is_bound),
        "told": managers(request.team),
    }
    return TemplateResponse(request, "teams/budgets.html", context, status=status)
