"""What the shell around every page shows: the team, its credits and counts, and notices."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.timezone import now

from generation.engine.heartbeat import worker_is_alive
from generation.figures import Figures, read_figures
from teams.access import Right, may
from teams.budget_alerts import Notice, notices_for
from teams.models import Membership, Team
from teams.requests import count_open

#: The navigation entry of each route, by the first word of its name where that decides.
_SECTIONS = {
    ("catalog", "product"): "products",
    ("catalog", "photo"): "products",
    ("catalog", "upload"): "products",
    ("generation", "studio"): "studio",
    ("generation", "preset"): "studio",
    ("generation", "queue"): "queue",
    ("generation", "job"): "queue",
    ("generation", "review"): "review",
    ("generation", "output"): "review",
    ("generation", "approved"): "approved",
    ("generation", "credits"): "credits",
    ("teams", "credits"): "credits",
    ("teams", "members"): "members",
    ("teams", "invitation"): "members",
    ("teams", "roles"): "members",
    ("teams", "audit"): "members",
    ("teams", "profile"): "profile",
}


class Shell:
    """Facts about the person and the team at hand, each read at most once and only if shown."""

    def __init__(self, request: HttpRequest) -> None:
        self._request = request
        self.sandbox: bool = settings.SANDBOX

    @cached_property
    def team(self) -> Team | None:
        """The team in the address, after its gate let the person in."""
        return getattr(self._request, "team", None)

    @cached_property
    def membership(self) -> Membership | None:
        """The person's membership in that team."""
        return getattr(self._request, "membership", None)

    @cached_property
    def teams(self) -> list[Team]:
        """Every team of the person, for the switcher."""
        user = getattr(self._request, "user", None)
        if user is None or not user.is_authenticated:
            return []
        return list(Team.objects.for_user(user))

    @cached_property
    def rights(self) -> dict[str, bool]:
        """What the person may do in the team: `shell.rights.launch` and so on."""
        membership = self.membership
        return {right.value: bool(membership and may(membership, right)) for right in Right}

    @cached_property
    def offers_studio(self) -> bool:
        """Whether the navigation leads to the studio; outside a team, of the first one."""
        return self._offers(Right.LAUNCH)

    @cached_property
    def sees_money(self) -> bool:
        """Whether the navigation leads to the credits; outside a team, of the first one."""
        return self._offers(Right.SEE_MONEY)

    def _offers(self, right: Right) -> bool:
        membership = self._nearest_membership
        return membership is not None and may(membership, right)

    @cached_property
    def _nearest_membership(self) -> Membership | None:
        user = getattr(self._request, "user", None)
        if self.membership is None and user is not None and self.teams:
            return Membership.objects.filter(user=user, team=self.teams[0]).first()
        return self.membership

    @cached_property
    def figures(self) -> Figures:
        """Unfinished jobs, pairs to review and credits of the team."""
        return read_figures(self.team) if self.team else Figures()

    @cached_property
    def budget_notices(self) -> list[Notice]:
        """What there is to say about this month's budgets, less what the person put away."""
        if self.membership is None:
            return []
        session = getattr(self._request, "session", {})
        dismissed = session.get("dismissed_notices", ())
        return notices_for(self.membership, now(), dismissed)

    @cached_property
    def open_requests(self) -> int:
        """Requests for credits that wait for the person and the other admins."""
        return count_open(self.team) if self.team and self.rights["manage_budgets"] else 0

    @cached_property
    def section(self) -> str:
        """Which entry of the navigation is current; empty for none."""
        match = self._request.resolver_match
        if match is None or match.url_name is None:
            return ""
        return _SECTIONS.get((match.namespace, match.url_name.partition("_")[0]), "")

    @cached_property
    def worker_alive(self) -> bool:
        """Whether a worker gave a sign of life; without one a banner says that jobs wait."""
        return worker_is_alive()


def shell(request: HttpRequest) -> dict[str, Shell]:
    """Offer the shell's facts to every template as `shell`."""
    return {"shell": Shell(request)}
