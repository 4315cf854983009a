"""The only way from a request to a team: membership, then the right that the page needs.

A stranger gets 404 (the team's existence is not told), a member without the right 403.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.http.response import HttpResponseBase
from django.utils.translation import gettext as _

from teams.http import TeamRequest
from teams.models import Membership, Role
from teams.zones import show_times_in

P = ParamSpec("P")


class Right(StrEnum):
    """What a page or an action may need."""

    VIEW = "view"
    EDIT_CATALOG = "edit_catalog"
    LAUNCH = "launch"
    REVIEW = "review"
    SEE_MONEY = "see_money"
    MANAGE_BUDGETS = "manage_budgets"
    MANAGE_TEAM = "manage_team"


_ALL = frozenset(Right)
RIGHTS: dict[str, frozenset[Right]] = {
    Role.OWNER: _ALL,
    Role.ADMIN: _ALL,
    Role.CREATOR: frozenset(
        {Right.VIEW, Right.EDIT_CATALOG, Right.LAUNCH, Right.REVIEW, Right.SEE_MONEY}
    ),
    Role.REVIEWER: frozenset({Right.VIEW, Right.REVIEW}),
    Role.VIEWER: frozenset({Right.VIEW}),
}


def may(membership: Membership, right: Right) -> bool:
    """Whether the member's role carries the right."""
    return right in RIGHTS[membership.role]


def team_view(
    right: Right = Right.VIEW,
) -> Callable[
    [Callable[Concatenate[TeamRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]
]:
    """Open a view to members of the team in the address who have the right.

    The decorated view is routed with a `team_slug` and called without it: the team stands in
    `request.team`, the asker's membership in `request.membership`. Times are shown in the asker's
    zone, else the team's.
    """

    def decorate(
        view: Callable[Concatenate[TeamRequest, P], HttpResponseBase],
    ) -> Callable[..., HttpResponseBase]:
        @login_required
        @wraps(view)
        def opened(request: TeamRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            # A keyword of the route, which the view's own signature does not name.
            team_slug = cast("dict[str, str]", kwargs).pop("team_slug")
            membership = (
                Membership.objects.select_related("team", "team__credit_account")
                .filter(user=request.user, team__slug=team_slug)
                .first()
            )
            if membership is None:
                raise Http404
            if not may(membership, right):
                raise PermissionDenied(
                    _("Your role in this team does not allow this. Ask an admin of the team.")
                )
            request.team = membership.team
            request.membership = membership
            show_times_in(request.user.time_zone, membership.team.time_zone)
            return view(request, *args, **kwargs)

        return opened

    return decorate
