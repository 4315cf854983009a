"""Shows times in the zone of the person; `teams.access.team_view` falls back to the team's."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from teams.models import User
from teams.zones import show_times_in


class TimeZoneMiddleware:
    """Activates the signed-in person's time zone for the request, else UTC."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request with times in the right zone; the thread forgets it afterwards."""
        # The session key tells visitors apart without a query for the user.
        signed_in = bool(request.session.session_key) and isinstance(request.user, User)
        show_times_in(request.user.time_zone if signed_in else "")  # type: ignore[union-attr]
        try:
            return self.get_response(request)
        finally:
            timezone.deactivate()
