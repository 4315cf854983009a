"""The request types that views see: who asks, for which team, and whether htmx asks."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from teams.models import Membership, Team, User


class SignedInRequest(HttpRequest):
    """A request of a signed-in person."""

    user: User
    htmx: HtmxDetails


class TeamRequest(SignedInRequest):
    """A request inside a team, after `teams.access.team_view` let it in."""

    team: Team
    membership: Membership
