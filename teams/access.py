"""The only way from a request to a team: membership, then the right that the page needs.

A stranger gets 404 (the team's existence is not told), a member without the right 403. RIGHTS is
the one table of who may do what; the pages that explain the roles are made from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import wraps
from typing import Concatenate, ParamSpec, cast

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_htmx.http import HttpResponseClientRedirect

from teams.http import TeamRequest
from teams.models import Membership, Role, Team
from teams.second_factor import missing_step
from teams.zones import show_times_in

P = ParamSpec("P")


class Right(StrEnum):
    """What a page or an action may need."""

    VIEW = "view"
    EDIT_CATALOG = "edit_catalog"
    LAUNCH = "launch"
    CANCEL = "cancel"
    REVIEW = "review"
    SEE_MONEY = "see_money"
    MANAGE_BUDGETS = "manage_budgets"
    INVITE = "invite"
    MANAGE_TEAM = "manage_team"
    OWN = "own"


#: What each right lets somebody do, as people read it.
WORDS: dict[Right, str | Promise] = {
    Right.VIEW: gettext_lazy("See products, jobs and results; download what is approved"),
    Right.EDIT_CATALOG: gettext_lazy("Add, change and archive products and photos"),
    Right.LAUNCH: gettext_lazy("Launch and repeat jobs, which spends credits"),
    Right.CANCEL: gettext_lazy("Cancel jobs that wait; put the results of sent ones aside"),
    Right.REVIEW: gettext_lazy("Approve and reject results, ask for changes"),
    Right.SEE_MONEY: gettext_lazy("See credits, budgets and the ledger"),
    Right.MANAGE_BUDGETS: gettext_lazy("Set budgets and decide about requests for credits"),
    Right.INVITE: gettext_lazy("Invite people and take invitations back"),
    Right.MANAGE_TEAM: gettext_lazy(
        "Change roles and settings, remove members, read the audit trail"
    ),
    Right.OWN: gettext_lazy("Make and remove owners, demand a second step of them, close the team"),
}

RIGHTS: dict[str, frozenset[Right]] = {
    Role.OWNER: frozenset(Right),
    Role.ADMIN: frozenset(Right) - {Right.OWN},
    Role.CREATOR: frozenset(
        {
            Right.VIEW,
            Right.EDIT_CATALOG,
            Right.LAUNCH,
            Right.CANCEL,
            Right.REVIEW,
            Right.SEE_MONEY,
        }
    ),
    Role.REVIEWER: frozenset({Right.VIEW, Right.REVIEW}),
    Role.VIEWER: frozenset({Right.VIEW}),
}
#: What nobody may in a suspended team: it looks, decides, cancels and downloads, and starts nothing
#: new.
WITHHELD_WHEN_SUSPENDED = frozenset({Right.EDIT_CATALOG, Right.LAUNCH, Right.MANAGE_BUDGETS})


class TeamStandsStill(PermissionDenied):
    """Refused for the team's standing, whatever the asker's role. `heading` is its page's."""

    def __init__(self, team: Team) -> None:
        super().__init__(team.standing)
        is_closing = team.closing_at is not None
        self.heading = _("This team is being closed") if is_closing else _("This team is suspended")


@dataclass(frozen=True)
class RightRow:
    """One right with its words, and for each role, in the order of `Role`, whether it has it."""

    words: str | Promise
    roles: tuple[bool, ...]


def role_table() -> list[RightRow]:
    """RIGHTS as rows for a page."""
    return [
        RightRow(WORDS[right], tuple(right in RIGHTS[role] for role in Role.values))
        for right in Right
    ]


def may(membership: Membership, right: Right) -> bool:
    """Whether the member's role carries the right, and the team is not suspended from it."""
    return right in RIGHTS[membership.role] and not _withheld(membership, right)


def _withheld(membership: Membership, right: Right) -> bool:
    return right in WITHHELD_WHEN_SUSPENDED and membership.team.suspended_at is not None


def team_view(
    right: Right = Right.VIEW, *, needs_second_step: bool = True
) -> Callable[
    [Callable[Concatenate[TeamRequest, P], HttpResponseBase]], Callable[..., HttpResponseBase]
]:
    """Open a view to members of the team in the address who have the right.

    The decorated view is routed with a `team_slug` and called without it: the team stands in
    `request.team`, the asker's membership in `request.membership`. Times are shown in the asker's
    zone, else the team's. Owners of a team that demands a second step of them are led to set it up,
    but for a view that says `needs_second_step=False`. A closed team is there for nobody.
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
                .filter(user=request.user, team__slug=team_slug, team__closed_at=None)
                .first()
            )
            if membership is None:
                raise Http404
            if needs_second_step and (step := _owners_missing_step(request, membership)):
                return _lead_to(step, request)
            if not may(membership, right):
                raise _refusal(membership, right)
            request.team = membership.team
            request.membership = membership
            show_times_in(request.user.time_zone, membership.team.time_zone)
            return view(request, *args, **kwargs)

        return opened

    return decorate


def _refusal(membership: Membership, right: Right) -> PermissionDenied:
    if right in RIGHTS[membership.role]:
        return TeamStandsStill(membership.team)
    return PermissionDenied(
        _("Your role in this team does not allow this. Ask an admin of the team.")
    )


def _owners_missing_step(request: TeamRequest, membership: Membership) -> str:
    if membership.role == Role.OWNER and membership.team.owners_need_2fa:
        return missing_step(request)
    return ""


def _lead_to(step: str, request: TeamRequest) -> HttpResponseBase:
    if request.method != "GET":
        raise PermissionDenied(
            _("This team needs two-step sign-in of its owners. Set it up in your profile first.")
        )
    if request.htmx:
        # Back to the page that the fragment belongs to, not to the fragment.
        page = request.htmx.current_url_abs_path or ""
        return HttpResponseClientRedirect(missing_step(request, page))
    return redirect(step)
