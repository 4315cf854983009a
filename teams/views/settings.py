"""The team's own settings, the way out of it, and its end."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from teams.access import Right, may, team_view
from teams.forms import CloseTeamForm, TeamSettingsForm
from teams.http import TeamRequest
from teams.lifecycle import close
from teams.models import Team
from teams.services import TeamRefused, remove_member, update_team


@require_http_methods(["GET", "POST"])
@team_view(Right.MANAGE_TEAM)
def team_settings(request: TeamRequest) -> HttpResponse:
    """Show and change the team's name, its time zone, and what it demands of its owners."""
    # A form writes into its instance even when it refuses; the shell shows the real team.
    team = Team.objects.get(pk=request.team.pk)
    is_owner = may(request.membership, Right.OWN)
    form = TeamSettingsForm(request.POST or None, instance=team, is_owner=is_owner)
    if request.method == "POST" and form.is_valid():
        update_team(team=request.team, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("teams:settings", request.team.slug)
    context = {"team": request.team, "form": form, "is_owner": is_owner}
    status = 422 if request.method == "POST" else 200
    return TemplateResponse(request, "teams/settings.html", context, status=status)


@require_http_methods(["GET", "POST"])
@team_view(needs_second_step=False)
def team_leave(request: TeamRequest) -> HttpResponse:
    """Ask first; a POST takes oneself out of the team. Its last owner stays."""
    if request.method == "GET":
        return TemplateResponse(request, "teams/leave.html", {"team": request.team})
    try:
        remove_member(membership=request.membership, by=request.user)
    except TeamRefused as exc:
        messages.error(request, exc.sentence)
        return redirect("teams:leave", request.team.slug)
    messages.success(request, _("You left %(team)s.") % {"team": request.team.name})
    return redirect("home")


@require_http_methods(["GET", "POST"])
@team_view(Right.OWN)
def team_close(request: TeamRequest) -> HttpResponse:
    """Ask first, by name; a POST closes the team, or begins to if jobs are under way."""
    form = CloseTeamForm(request.POST or None, team=request.team)
    if request.method == "POST" and form.is_valid():
        try:
            closed = close(
                team=request.team, actor=request.user, reason=form.cleaned_data["reason"]
            )
        except TeamRefused as exc:
            messages.error(request, exc.sentence)
            return redirect("teams:settings", request.team.slug)
        if closed:
            messages.success(request, _("%(team)s is closed.") % {"team": request.team.name})
            return redirect("home")
        messages.success(
            request, _("The team is being closed: it is gone once its last jobs have ended.")
        )
        return redirect("generation:queue", request.team.slug)
    context = {"team": request.team, "account": request.team.credit_account, "form": form}
    status = 422 if request.method == "POST" else 200
    return TemplateResponse(request, "teams/close.html", context, status=status)
