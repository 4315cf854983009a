"""Suspending and closing a team, and taking either back.

A suspended team looks and downloads, and starts nothing new; jobs under way run on. A closed one is
gone for its members, and its ledger stays. Closing takes its time: jobs not yet sent are cancelled
at once, those at a provider are waited for, and the team is closed when no credit is held any more.
Its owners are told of each by mail.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.db.models import DateTimeField, Value
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _

from teams.audit import record
from teams.letters import send_letters
from teams.models import CreditAccount, Membership, Role, Team, User
from teams.services import TeamRefused

#: Letters of a reason that a team's row keeps.
REASON_LENGTH = 200

#: Other layers say how work that was not yet sent is cancelled (team, actor), and whether any work
#: is left (team): money knows no jobs.
work_cancellers: list[Callable[[Team, str], None]] = []
work_finders: list[Callable[[Team], bool]] = []


@transaction.atomic
def suspend(*, team: Team, actor: User | str, reason: str) -> None:
    """Let a team start nothing new. Its members read the reason.

    Raises TeamRefused for a team that is suspended or closed already.
    """
    _lock_account(team)
    suspended = Team.objects.filter(pk=team.pk, suspended_at=None).update(
        suspended_at=now(), suspended_reason=reason[:REASON_LENGTH]
    )
    if not suspended:
        raise TeamRefused(_("This team is suspended already."))
    record(team=team, actor=actor, action="team.suspended", subject=team.name, reason=reason)
    _tell_owners(team, actor, "suspended", reason)
    team.refresh_from_db()


@transaction.atomic
def resume(*, team: Team, actor: User | str, reason: str = "") -> None:
    """Let a suspended team work again; a closed one, too: its members and its work are all there.

    Raises TeamRefused for a team that is at work.
    """
    resumed = Team.objects.filter(pk=team.pk, suspended_at__isnull=False).update(
        suspended_at=None, suspended_reason="", closing_at=None, closed_at=None
    )
    if not resumed:
        raise TeamRefused(_("This team is not suspended."))
    record(team=team, actor=actor, action="team.resumed", subject=team.name, reason=reason)
    _tell_owners(team, actor, "resumed", reason)
    team.refresh_from_db()


def close(*, team: Team, actor: User | str, reason: str = "") -> bool:
    """Close a team; True if nothing held it up, else it is closed once its last job has ended.

    Call it outside a transaction: each job is cancelled in its own. Open invitations are taken
    back. Raises TeamRefused for a team that is closed or being closed.
    """
    with transaction.atomic():
        _lock_account(team)
        at = now()
        open_ = Team.objects.filter(pk=team.pk, closing_at=None, closed_at=None)
        begun = open_.update(
            suspended_at=Coalesce("suspended_at", Value(at, DateTimeField())),
            suspended_reason=reason[:REASON_LENGTH],
            closing_at=at,
        )
        if not begun:
            raise TeamRefused(_("This team is being closed already."))
        team.invitations.open().update(revoked_at=at)
        record(team=team, actor=actor, action="team.closing", subject=team.name, reason=reason)
        _tell_owners(team, actor, "closing", reason)
    closed = _finish(team, actor.email if isinstance(actor, User) else actor, at)
    team.refresh_from_db()
    return closed


def finish_closings(at: datetime) -> int:
    """Close the teams whose last job has ended; returns how many. Called by the worker's sweep."""
    waiting = Team.objects.closing()
    # Asked again for each: one that works again meanwhile keeps what it launched since.
    return sum(
        waiting.filter(pk=team.pk).exists() and _finish(team, "closing", at) for team in waiting
    )


def _finish(team: Team, actor: str, at: datetime) -> bool:
    for cancel in work_cancellers:
        cancel(team, actor)
    with transaction.atomic():
        account = _lock_account(team)
        if account.held or any(finds(team) for finds in work_finders):
            return False
        closed = Team.objects.closing().filter(pk=team.pk).update(closed_at=at)
        if closed:
            record(team=team, actor=actor, action="team.closed", subject=team.name)
    return bool(closed)


def _tell_owners(team: Team, actor: User | str, act: str, reason: str) -> None:
    """Mail the owners but the actor. Who is no member of the team did it as the operator."""
    members = Membership.objects.filter(team=team, user__is_active=True)
    by_member = isinstance(actor, User) and members.filter(user=actor).exists()
    owners = [member.user for member in members.filter(role=Role.OWNER).by_rank()]
    context = {
        "team": team,
        "act": act,
        "by": actor if by_member else _("The operator"),
        "reason": reason,
        "link": settings.BASE_URL + reverse("catalog:product_list", args=[team.slug]),
    }
    send_letters("team_standing", [who.email for who in owners if who != actor], context)


def _lock_account(team: Team) -> CreditAccount:
    # A launch holds credits under this lock and then looks whether the team is suspended: either it
    # came first and is counted as open work, or it sees the suspension.
    return CreditAccount.objects.select_for_update().get(team=team)
