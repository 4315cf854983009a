"""The team's own settings, and the way out of it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from teams.access import Right, team_view
from teams.forms import TeamSettingsForm
from teams.http import TeamRequest
from teams.models import Team
from teams.services import TeamRefused, remove_member, update_team


@require_http_methods(["GET", "POST"])
@team_view(Right.MANAGE_TEAM)
def team_settings(request: TeamRequest) -> HttpResponse:
    """Show and change the team's name and time zone."""
    # A form writes into its instance even when it refuses; the shell shows the real team.
    team = Team.objects.get(pk=request.team.pk)
    form = TeamSettingsForm(request.POST or None, instance=team)
    if request.method == "POST" and form.is_valid():
        update_team(team=request.team, by=request.user, **form.cleaned_data)
        messages.success(request, _("Saved."))
        return redirect("teams:settings", request.team.slug)
    context = {"team": request.team, "form": form}
    status = 422 if request.method == "POST" else 200
    return TemplateResponse(request, "teams/settings.html", context, status=status)


@require_http_methods(["GET", "POST"])
@team_view()
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
