"""Around every request: its address for the audit trail, and the person's time zone."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone

from teams import audit
from teams.models import User
from teams.zones import show_times_in


class RequestAddressMiddleware:
    """Lets the audit trail know the request by which something was done."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request; the thread forgets it afterwards."""
        with audit.during(request):
            return self.get_response(request)


class TimeZoneMiddleware:
    """Activates the signed-in person's time zone for the request, else UTC.

    `teams.access.team_view` falls back to the team's.
    """

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
