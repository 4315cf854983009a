"""The forms at a team's page that suspend it, let it work again, and close it."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from teams import lifecycle
from teams.admin.forms import ReasonForm
from teams.admin.steps import Step, operator_of, require
from teams.models import Team
from teams.services import TeamRefused
from teams.templatetags.ui import credits as in_words


def words_of(team: Team) -> str:
    """How the team stands, in a word or two."""
    if team.closed_at is not None:
        return _("Closed")
    if team.closing_at is not None:
        return _("Being closed")
    return _("Suspended") if team.suspended_at is not None else _("At work")


def suspend_view(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Let a team start nothing new."""
    require(request, "suspend_team")
    team = get_object_or_404(Team, pk=team_id)
    step = Step(
        request,
        Team,
        team,
        _("Suspend %(team)s") % {"team": team},
        ReasonForm(request.POST or None),
        lead=_(
            "Its members can look, decide and download, and start nothing new. Jobs under way run "
            "on. They read the reason."
        ),
        button=_("Suspend"),
    )
    if not step.is_sent:
        return step.show()
    try:
        reason = step.form.cleaned_data["reason"]
        lifecycle.suspend(team=team, actor=operator_of(request), reason=reason)
    except TeamRefused as exc:
        messages.error(request, exc.sentence)
    else:
        messages.success(request, _("%(team)s is suspended.") % {"team": team})
    return redirect("admin:teams_team_change", team.pk)


def resume_view(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Let a team work again; a closed one needs the permission to close."""
    team = get_object_or_404(Team, pk=team_id)
    require(request, "close_team" if team.closing_at or team.closed_at else "suspend_team")
    step = Step(
        request,
        Team,
        team,
        _("Let %(team)s work again") % {"team": team},
        ReasonForm(request.POST or None),
        lead=_("Its members, its pictures and its credits are all there."),
        button=_("Let it work again"),
    )
    if not step.is_sent:
        return step.show()
    try:
        reason = step.form.cleaned_data["reason"]
        lifecycle.resume(team=team, actor=operator_of(request), reason=reason)
    except TeamRefused as exc:
        messages.error(request, exc.sentence)
    else:
        messages.success(request, _("%(team)s is at work again.") % {"team": team})
    return redirect("admin:teams_team_change", team.pk)


def close_view(request: HttpRequest, team_id: UUID) -> HttpResponse:
    """Close a team: at once, or when its last job has ended."""
    require(request, "close_team")
    team = get_object_or_404(Team.objects.with_balance(), pk=team_id)
    account = team.credit_account
    step = Step(
        request,
        Team,
        team,
        _("Close %(team)s") % {"team": team},
        ReasonForm(request.POST or None),
        lead=_(
            "Jobs that were not sent are cancelled, those at a provider are waited for; then its "
            "members cannot enter it any more. Its ledger and pictures stay, and it can be opened "
            "again."
        ),
        button=_("Close the team"),
        rows=[
            (_("Can be spent"), in_words(account.available)),
            (_("Held by unfinished jobs"), in_words(account.held)),
        ],
    )
    if not step.is_sent:
        return step.show()
    try:
        reason = step.form.cleaned_data["reason"]
        closed = lifecycle.close(team=team, actor=operator_of(request), reason=reason)
    except TeamRefused as exc:
        messages.error(request, exc.sentence)
    else:
        if closed:
            messages.success(request, _("%(team)s is closed.") % {"team": team})
        else:
            text = _("%(team)s is being closed: its last jobs have to end first.")
            messages.warning(request, text % {"team": team})
    return redirect("admin:teams_team_change", team.pk)
