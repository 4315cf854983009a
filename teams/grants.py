"""Which grants a movement takes from or returns to, and what time does to grants.

The functions of the first part run between the two halves of a movement (`teams/movements.py`),
under the lock of the account's row; those of the second part are movements themselves. The time of
a grant: it is written, takes effect, is announced to end, ends; each once, whoever repeats it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import cast

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.timezone import now
from django.utils.translation import gettext as _

from teams.budget_status import managers
from teams.letters import send_letters
from teams.models import Grant, HoldUse, LedgerEntry, Team
from teams.movements import lock_account, post, require_transaction
from teams.zones import find_zone

# --- Within a movement --------------------------------------------------------------------------


@dataclass
class Purse:
    """What a team's grants have left, in the order in which holds take them."""

    team: Team
    left: dict[int, int] = field(default_factory=dict)

    def plan(self, amount: int) -> dict[int, int]:
        """Take `amount` credits of the purse: grant id to credits; less where it holds less."""
        shares: dict[int, int] = {}
        for pk, left in self.left.items():
            if amount and left:
                shares[pk] = part = min(left, amount)
                self.left[pk] -= part
                amount -= part
        return shares

    def read(self) -> None:
        """Look again."""
        self.left = dict(_spendable(self.team).values_list("pk", "remaining"))


def open_purse(team: Team, at: datetime) -> Purse:
    """Read what the team can spend at that moment; grants whose time is over end first.

    So nobody spends credits that are over although the engine has not looked yet.
    """
    purse = Purse(team)
    purse.read()
    if purse.left and end_what_is_over(team, at):
        purse.read()
    return purse


def end_what_is_over(team: Team, at: datetime) -> bool:
    """End the team's grants whose time is over. False: there were none."""
    over = list(_spendable(team).filter(expires_at__lte=at).values_list("pk", flat=True))
    for pk in over:
        end_grant(team=team, grant_id=pk, at=at)
    return bool(over)


def take(shares: Mapping[int, int], job: str) -> None:
    """Take credits (grant id: credits) for the hold of a job. The grants have them."""
    for pk, part in shares.items():
        Grant.objects.filter(pk=pk).update(remaining=F("remaining") - part)
    HoldUse.objects.bulk_create(
        HoldUse(grant_id=pk, job=job, amount=part) for pk, part in shares.items()
    )


def put_back(shares: Mapping[int, int]) -> None:
    """Undo what was taken of grants before any use of it was written."""
    for pk, part in shares.items():
        Grant.objects.filter(pk=pk).update(remaining=F("remaining") + part)


def take_away(team: Team, amount: int) -> None:
    """Take credits for good, in the order of holds."""
    purse = Purse(team)
    purse.read()
    for pk, part in purse.plan(amount).items():
        Grant.objects.filter(pk=pk).update(remaining=F("remaining") - part)


def settle_uses(job: str, captured: int, at: datetime) -> dict[int, datetime | None]:
    """Spend `captured` credits of what a job's hold took, and return the rest to its grants.

    Spent are those that end first, so that what returns is good for longest. A grant that ended
    stands as in force with what came back; the caller must end it again in the same transaction.
    Those are returned, with the moment at which they ended, or None if that was not noted yet.
    """
    ended: dict[int, datetime | None] = {}
    uses = HoldUse.objects.filter(job=job, captured=None).order_by(*_ORDER_OF_USES)
    for pk, grant_id, amount, expires_at, expired_at in uses.values_list(
        "pk", "grant_id", "amount", "grant__expires_at", "grant__expired_at"
    ):
        spent = min(amount, captured)
        captured -= spent
        HoldUse.objects.filter(pk=pk).update(captured=spent)
        if spent == amount:
            continue
        if expired_at is not None or (expires_at is not None and expires_at <= at):
            ended[grant_id] = expired_at
        Grant.objects.filter(pk=grant_id).update(
            remaining=F("remaining") + amount - spent, expired_at=None
        )
    return ended


def return_spent(rest: Grant, amount: int, returned: int, job: str, at: datetime) -> None:
    """Return `amount` of what a job spent, beyond the `returned` credits that came back before.

    To the job's grants, the one that ends last first. What a grant would get that is over becomes
    `rest`, a row that is written only then.
    """
    uses = HoldUse.objects.filter(job=job, captured__gt=0).order_by(*_ORDER_OF_USES).reverse()
    homeless = amount
    for use in uses.select_related("grant"):
        free = (use.captured or 0) - returned
        returned = max(0, -free)
        part = min(amount, max(0, free))
        amount -= part
        end = use.grant.expires_at
        if part and use.grant.expired_at is None and (end is None or end > at):
            Grant.objects.filter(pk=use.grant_id).update(remaining=F("remaining") + part)
            homeless -= part
    if homeless:
        days = settings.RETURNED_CREDITS_DAYS
        rest.amount, rest.effective_at = homeless, at
        rest.expires_at = at + timedelta(days=days) if days else None
        rest.save()
        fill(rest, at)


def fill(grant: Grant, at: datetime) -> None:
    """Count a grant's credits: it is in force from now on."""
    Grant.objects.filter(pk=grant.pk).update(remaining=F("amount"), posted_at=at)
    grant.remaining, grant.posted_at = grant.amount, at


def _spendable(team: Team) -> QuerySet[Grant]:
    return Grant.objects.filter(account__team=team).spendable()


#: As `GrantQuerySet.spendable`.
_ORDER_OF_USES = (
    "grant__priority",
    F("grant__expires_at").asc(nulls_last=True),
    "-grant__kind",
    "grant_id",
)


# --- Movements of grants --------------------------------------------------------------------------

CLOCK = "clock"
"""The actor of what happens by time alone."""


def begin_grant(*, team: Team, grant: Grant) -> LedgerEntry | None:
    """Count a grant that has begun. None: that was done, or it was withdrawn."""
    lock_account(team)
    grant.refresh_from_db()
    if grant.posted_at is not None or grant.voided_at is not None:
        return None
    return post(
        team=team,
        kind=LedgerEntry.Kind.GRANT,
        d_posted=grant.amount,
        d_held=0,
        key=grant.key,
        actor=grant.actor,
        reason=grant.reason,
        reference=grant.reference,
        allot=lambda _account: fill(grant, now()),
    )


def end_grant(
    *,
    team: Team,
    grant_id: int,
    at: datetime,
    actor: str = CLOCK,
    reason: str = "",
    returned_by: str = "",
    ended_at: datetime | None = None,
) -> LedgerEntry | None:
    """Take back what a grant has left, and mark it as ended at `ended_at`, by default now.

    What open holds took of it stays theirs; `returned_by` names the job whose settlement brought
    back what is taken now. None: there was nothing left, or it had ended.
    """
    lock_account(team)
    grant = Grant.objects.get(pk=grant_id)
    if grant.expired_at is not None:
        return None
    row = Grant.objects.filter(pk=grant.pk)
    ended_at = ended_at or at
    if not grant.remaining:
        row.update(expired_at=ended_at)
        return None
    return post(
        team=team,
        kind=LedgerEntry.Kind.EXPIRE,
        d_posted=-grant.remaining,
        d_held=0,
        key=f"expire:{grant.pk}:{returned_by or 'end'}",
        actor=actor,
        reason=reason or (_("Returned after its end") if returned_by else ""),
        reference=grant.reference,
        job=returned_by,
        allot=lambda _account: row.update(remaining=0, expired_at=ended_at),
    )


@transaction.atomic
def expire_now(*, grant: Grant, actor: str, reason: str) -> LedgerEntry | None:
    """End a grant before its time, by an operator. None: nothing was left, or it had ended.

    Raises ValueError where it has not taken effect: that one is withdrawn by `void`.
    """
    grant.refresh_from_db()
    if grant.posted_at is None:
        raise ValueError(f"grant {grant.pk} has not taken effect")
    entry = end_grant(
        team=grant.account.team, grant_id=grant.pk, at=now(), actor=actor, reason=reason
    )
    grant.refresh_from_db()
    return entry


@transaction.atomic
def void(*, grant: Grant) -> bool:
    """Withdraw a grant that has not taken effect. False: it has, or was withdrawn before."""
    require_transaction()
    lock_account(grant.account.team)
    waiting = Grant.objects.filter(pk=grant.pk, posted_at=None, voided_at=None)
    is_first = waiting.update(voided_at=now()) == 1
    grant.refresh_from_db()
    return is_first


# --- Time -----------------------------------------------------------------------------------------

_AT_ONCE = 200


def tend_grants(at: datetime) -> None:
    """Let begin what has begun, end what is over, and announce what ends soon.

    Safe to repeat, and beside others that do the same. Each grant is a transaction of its own.
    """
    waiting = Grant.objects.filter(posted_at=None, voided_at=None, effective_at__lte=at)
    for grant in _with_team(waiting.order_by("effective_at")):
        with transaction.atomic():
            begin_grant(team=grant.account.team, grant=grant)
    over = Grant.objects.filter(
        expires_at__lte=at, posted_at__isnull=False, expired_at=None, voided_at=None
    )
    for grant in _with_team(over.order_by("expires_at")):
        with transaction.atomic():
            end_grant(team=grant.account.team, grant_id=grant.pk, at=at)
    _announce_ends(at)


def _announce_ends(at: datetime) -> None:
    """Mail those who manage a team's budgets what ends soon: once for each mark of days before."""
    marks = [timedelta(days=days) for days in settings.GRANT_END_NOTICE_DAYS]
    if not marks:
        return
    # Asked of the database: those that were told must not stand before those that were not.
    untold = Q()
    for mark in marks:
        told_before = Q(announced_at=None) | Q(announced_at__lt=F("expires_at") - mark)
        untold |= Q(expires_at__lte=at + mark) & told_before
    ending = Grant.objects.filter(
        untold,
        remaining__gt=0,
        expires_at__gt=at,
        expires_at__lte=at + max(marks),
        # As the condition of the index on ends.
        expired_at=None,
        voided_at=None,
    )
    of_team: dict[Team, list[Grant]] = {}
    for grant in _with_team(ending.order_by("expires_at", "pk")):
        of_team.setdefault(grant.account.team, []).append(grant)
    for team, announced in of_team.items():
        with transaction.atomic():
            told_now = [
                grant
                for grant in announced
                if Grant.objects.filter(pk=grant.pk, announced_at=grant.announced_at).update(
                    announced_at=at
                )
            ]
            if told_now:
                _mail_ends(team, told_now)


def _mail_ends(team: Team, ending: list[Grant]) -> None:
    ends = sorted(cast(datetime, grant.expires_at) for grant in ending)
    context = {
        "team": team,
        "total": sum(grant.remaining for grant in ending),
        # The end is the first moment without them: at midnight the day before is the last.
        "first": ends[0] - timedelta(microseconds=1),
        "is_one_end": ends[0] == ends[-1],
        "grants": ending,
        "link": f"{settings.BASE_URL}/t/{team.slug}/credits/",
    }
    with timezone.override(find_zone(team.time_zone) or UTC):
        send_letters("grants_end", [person.email for person in managers(team)], context)


def _with_team(grants: QuerySet[Grant]) -> QuerySet[Grant]:
    return grants.select_related("account__team")[:_AT_ONCE]
