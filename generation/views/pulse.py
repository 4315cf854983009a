"""The shell's heartbeat: counts and credits on every page, while jobs of the team are unfinished."""

from __future__ import annotations

from django.http import HttpResponse
from django.template.response import TemplateResponse
from django.views.decorators.http import require_GET

from generation.figures import read_figures
from teams.access import Right, team_view
from teams.http import TeamRequest


@require_GET
@team_view(Right.VIEW)
def pulse(request: TeamRequest) -> HttpResponse:
    """Counts, credits and the next question; 204 while they are as ?seen= tells."""
    if request.GET.get("seen") == str(read_figures(request.team)):
        return HttpResponse(status=204)
    return TemplateResponse(request, "generation/_pulse_delta.html")
