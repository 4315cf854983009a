"""What operators do to the credits of teams: give, correct, end, credit back; each is audited.

Credits themselves move by `teams/credits.py` and `teams/grants.py`. The `key` of an act is that of
the form it was sent with: a form that is sent twice counts once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Permission
from django.db import transaction
from django.db.models import Q
from django.urls import reverse
from django.utils.timezone import localdate, now
from django.utils.translation import gettext as _

from teams import grants
from teams.audit import record
from teams.credits import AlreadyPosted, RefundTooLarge, adjust, grant, refund
from teams.letters import send_letters
from teams.models import Grant, LedgerEntry, PendingAdjustment, Team, User
from teams.movements import lock_account
from teams.zones import find_zone

State = PendingAdjustment.State

#: The usual place of a grant in the order in which grants are used.
USUAL_PRIORITY = 50


class ActRefused(Exception):
    """It cannot be done. Nothing happened. Its text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What is granted. Days are whole days of the team's time zone; `begins` None: at once."""

    amount: int
    reason: str
    kind: Grant.Kind = Grant.Kind.PAID
    reference: str = ""
    begins: date | None = None
    last_day: date | None = None
    priority: int = USUAL_PRIORITY

    def effective_at(self, team: Team) -> datetime | None:
        """When the grant begins for that team; None: at once."""
        zone = zone_of(team)
        if self.begins is None or self.begins <= localdate(timezone=zone):
            return None
        return datetime.combine(self.begins, time(), zone)

    def expires_at(self, team: Team) -> datetime | None:
        """The last second of the last day."""
        if self.last_day is None:
            return None
        return datetime.combine(self.last_day, time(23, 59, 59), zone_of(team))


def zone_of(team: Team) -> tzinfo:
    """The team's time zone."""
    return find_zone(team.time_zone) or UTC


# --- Grants -------------------------------------------------------------------------------------


@transaction.atomic
def give(*, team: Team, terms: Terms, by: User, key: UUID) -> Grant:
    """Grant credits to a team.

    Raises ActRefused for a closed team, and AlreadyPosted when the form was sent before.
    """
    if team.closed_at is not None:
        raise ActRefused(_("This team is closed."))
    given = grant(
        team=team,
        amount=terms.amount,
        actor=by.email,
        reason=terms.reason,
        key=str(key),
        kind=terms.kind,
        reference=terms.reference,
        effective_at=terms.effective_at(team),
        expires_at=terms.expires_at(team),
        priority=terms.priority,
    )
    record(
        team=team,
        actor=by,
        action="credits.granted",
        subject=terms.reason,
        credits=terms.amount,
        kind=terms.kind,
        grant=given.pk,
        reference=terms.reference,
    )
    return given


class Outcome(StrEnum):
    """What became of one team's share in a grant to many."""

    GIVEN = "given"
    WAITS = "waits"
    REPEATED = "repeated"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Share:
    """One team of a grant to many, and what became of it."""

    team: Team
    outcome: Outcome


def give_to_many(*, teams: Sequence[Team], terms: Terms, by: User, key: UUID) -> list[Share]:
    """Grant the same to each of several teams, each in a transaction of its own.

    One team's share does not depend on another's, and no team's account stays locked for the sake
    of the others. Where it was cut short the same form completes it: it counts once per team.
    """
    shares = []
    for team in teams:
        try:
            given = give(team=team, terms=terms, by=by, key=key)
        except ActRefused:
            outcome = Outcome.CLOSED
        except AlreadyPosted:
            outcome = Outcome.REPEATED
        else:
            outcome = Outcome.GIVEN if given.posted_at else Outcome.WAITS
        shares.append(Share(team, outcome))
    return shares


@transaction.atomic
def end(*, given: Grant, by: User, reason: str) -> int:
    """End a grant now; returns the credits taken back, 0 where all of them are held or spent.

    Raises ActRefused where it has not begun, was withdrawn or has ended.
    """
    lock_account(given.account.team)
    given.refresh_from_db()
    if given.voided_at is not None:
        raise ActRefused(_("This grant was withdrawn."))
    if given.posted_at is None:
        raise ActRefused(_("This grant has not begun. It can be withdrawn."))
    if given.expired_at is not None:
        raise ActRefused(_("This grant has ended already."))
    entry = grants.expire_now(grant=given, actor=by.email, reason=reason)
    taken = -entry.d_posted if entry else 0
    _record_grant(given, by, "credits.grant_ended", reason, amount=taken)
    return taken


@transaction.atomic
def withdraw(*, given: Grant, by: User, reason: str) -> None:
    """Take back a grant before it begins. Raises ActRefused where it has begun or was withdrawn."""
    if not grants.void(grant=given):
        if given.voided_at is not None:
            raise ActRefused(_("This grant was withdrawn already."))
        raise ActRefused(_("This grant has begun. It can be ended."))
    _record_grant(given, by, "credits.grant_withdrawn", reason, amount=given.amount)


def _record_grant(given: Grant, by: User, action: str, reason: str, *, amount: int) -> None:
    record(
        team=given.account.team,
        actor=by,
        action=action,
        subject=reason,
        credits=amount,
        grant=given.pk,
        reference=given.reference,
    )


# --- Adjustments ----------------------------------------------------------------------------------


def needs_two(amount: int) -> bool:
    """Whether an adjustment by so many credits waits for a second operator."""
    return 0 < settings.ADJUSTMENT_NEEDS_TWO < abs(amount)


@transaction.atomic
def correct(
    *, team: Team, amount: int, by: User, reason: str, key: UUID, reference: str = ""
) -> LedgerEntry | PendingAdjustment:
    """Adjust a balance, or ask a second operator to where that is needed.

    Raises InsufficientCredits where less is available, and AlreadyPosted when the form was sent
    before.
    """
    account = lock_account(team)
    asked = PendingAdjustment.objects.filter(pk=key).first()
    if asked is not None:
        raise AlreadyPosted(str(key), entry=None, grant=None)
    if not needs_two(amount):
        entry = adjust(
            team=team,
            amount=amount,
            actor=by.email,
            reason=reason,
            key=str(key),
            reference=reference,
        )
        _record_adjustment("credits.adjusted", team, by, amount, reason, reference)
        return entry
    if LedgerEntry.objects.filter(account=account, key=f"adjust:{key}").exists():
        raise AlreadyPosted(str(key), entry=None, grant=None)
    asked = PendingAdjustment.objects.create(
        pk=key, team=team, amount=amount, reason=reason, reference=reference, asked_by=by.email
    )
    _record_adjustment("credits.adjustment_asked", team, by, amount, reason, reference)
    readers = [person for person in operators("adjust_credits") if person != by.email]
    link = settings.BASE_URL + reverse("admin:teams_pendingadjustment_change", args=[asked.pk])
    send_letters("adjustment_asked", readers, {"asked": asked, "team": team, "link": link})
    return asked


@transaction.atomic
def approve_adjustment(*, asked: PendingAdjustment, by: User) -> LedgerEntry:
    """Let an adjustment count that another operator asked for, once.

    Raises ActRefused for one's own and for decided ones, and InsufficientCredits where less is
    available than it takes away; then it still waits.
    """
    _decide(asked, by, State.APPROVED)
    entry = adjust(
        team=asked.team,
        amount=asked.amount,
        actor=by.email,
        reason=asked.reason,
        key=str(asked.pk),
        reference=asked.reference,
    )
    record(
        team=asked.team,
        actor=by,
        action="credits.adjusted",
        subject=asked.reason,
        credits=asked.amount,
        reference=asked.reference,
        asked_by=asked.asked_by,
    )
    return entry


@transaction.atomic
def decline_adjustment(*, asked: PendingAdjustment, by: User) -> None:
    """Let an adjustment never count. Raises ActRefused for one's own and for decided ones."""
    _decide(asked, by, State.DECLINED)
    record(
        team=asked.team,
        actor=by,
        action="credits.adjustment_declined",
        subject=asked.reason,
        credits=asked.amount,
        asked_by=asked.asked_by,
    )


def _decide(asked: PendingAdjustment, by: User, state: PendingAdjustment.State) -> None:
    waiting = PendingAdjustment.objects.filter(pk=asked.pk, state=State.PENDING)
    decided = waiting.exclude(asked_by__iexact=by.email).update(
        state=state, decided_by=by.email, decided_at=now()
    )
    asked.refresh_from_db()
    if decided:
        return
    if asked.state == State.PENDING:
        raise ActRefused(_("You asked for this adjustment. Somebody else decides about it."))
    text = (
        _("%(who)s has approved this adjustment already.")
        if asked.state == State.APPROVED
        else _("%(who)s has declined this adjustment already.")
    )
    raise ActRefused(text % {"who": asked.decided_by})


def _record_adjustment(
    action: str, team: Team, by: User, amount: int, reason: str, reference: str
) -> None:
    record(team=team, actor=by, action=action, subject=reason, credits=amount, reference=reference)


# --- Credits back ---------------------------------------------------------------------------------


@transaction.atomic
def credit_back(
    *, team: Team, job: str, amount: int, by: User, reason: str, key: UUID, reference: str = ""
) -> LedgerEntry:
    """Give back credits that a job spent.

    Raises ActRefused for more than the job spent, and AlreadyPosted when the form was sent before.
    """
    try:
        entry = refund(
            team=team,
            amount=amount,
            job=job,
            key=str(key),
            actor=by.email,
            reason=reason,
            reference=reference,
        )
    except RefundTooLarge as exc:
        raise ActRefused(too_much_back(exc.left)) from None
    record(
        team=team,
        actor=by,
        action="credits.refunded",
        subject=reason,
        credits=amount,
        job=job,
        reference=reference,
    )
    return entry


def too_much_back(left: int) -> str:
    """Why a job gets nothing, or no more than `left` credits, back."""
    if left <= 0:
        return _("This job spent no credits, or got all of them back.")
    return _("This job spent %(left)s credits that did not come back yet.") % {"left": left}


# --- Operators ------------------------------------------------------------------------------------


def operators(permission: str) -> list[str]:
    """The addresses of those who have a permission of this app, for mails to them."""
    given = Permission.objects.filter(codename=permission, content_type__app_label="teams")
    people = User.objects.filter(
        Q(is_superuser=True)
        | Q(is_staff=True, user_permissions__in=given)
        | Q(is_staff=True, groups__permissions__in=given),
        is_active=True,
    )
    return sorted(set(people.values_list("email", flat=True)))
