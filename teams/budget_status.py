"""Where budgets stand: the month, what was used of it, what is left, and who decides about it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo

from django.db import connection
from django.db.models import F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from teams.access import RIGHTS, Right
from teams.models import Budget, BudgetPeriod, LedgerEntry, Membership, Team, User
from teams.zones import find_zone


@dataclass(frozen=True, slots=True)
class Standing:
    """One budget in one month. Credits; `used` are held or spent, `extra` was granted for it."""

    budget: Budget
    starts: date
    used: int = 0
    extra: int = 0

    @property
    def allowed(self) -> int:
        """Credits that the month may cost."""
        return self.budget.limit + self.extra

    @property
    def left(self) -> int:
        """Credits that are left of it; never below zero."""
        return max(0, self.allowed - self.used)

    @property
    def percent(self) -> int:
        """How much of it is used, in whole per cent; a limit of nothing is always used up."""
        return self.used * 100 // self.allowed if self.allowed else 100

    @property
    def is_reached(self) -> bool:
        """Whether nothing is left."""
        return self.used >= self.allowed

    @property
    def is_near(self) -> bool:
        """Whether the mark at which people are warned is passed."""
        return self.used * 100 >= self.budget.warn_at * self.allowed

    @property
    def tone(self) -> str:
        """How it looks: "negative" with nothing left, "warning" from the mark on, else ""."""
        return "negative" if self.is_reached else "warning" if self.is_near else ""

    @property
    def ends(self) -> date:
        """The first day of the next month."""
        return next_month(self.starts)

    def allows(self, amount: int) -> bool:
        """Whether a launch of so many credits is let through."""
        return not self.budget.is_hard or self.used + amount <= self.allowed


def zone_of(team: Team) -> tzinfo:
    """The time zone in which the team's months begin."""
    return find_zone(team.time_zone) or UTC


def month_of(team: Team, at: datetime) -> date:
    """The first day of the month in which that moment falls where the team works."""
    return at.astimezone(zone_of(team)).date().replace(day=1)


def next_month(starts: date) -> date:
    """The first day of the month after the one that starts there."""
    return (starts + timedelta(days=31)).replace(day=1)


def outlook(team: Team, member: User | None, at: datetime) -> list[Standing]:
    """The budgets that a launch of this member counts in now, the team's first. One query."""
    return _standings(budgets_of(team, member), month_of(team, at))


def team_status(team: Team, at: datetime) -> Standing | None:
    """The team's budget in the month of `at`; None without one."""
    return next(iter(outlook(team, None, at)), None)


def member_status(team: Team, member: User, at: datetime) -> Standing | None:
    """The member's own budget in the month of `at`; None without one."""
    found = Budget.objects.filter(team=team, member=member)
    return next(iter(_standings(found, month_of(team, at))), None)


def standings(team: Team, at: datetime) -> list[Standing]:
    """Every budget of the team in the month of `at`, the team's own first. One query."""
    return _standings(in_lock_order(Budget.objects.filter(team=team)), month_of(team, at))


def budgets_of(team: Team, member: User | None) -> QuerySet[Budget]:
    """The budgets that this member's jobs count in, in the order in which they are locked."""
    whose = Q(member=None) if member is None else Q(member=None) | Q(member=member)
    return in_lock_order(Budget.objects.filter(whose, team=team))


def in_lock_order(budgets: QuerySet[Budget]) -> QuerySet[Budget]:
    """The team's budget before those of members: whoever locks in this order waits in no circle."""
    return budgets.order_by(F("member").asc(nulls_first=True))


def _standings(budgets: QuerySet[Budget], starts: date) -> list[Standing]:
    months = BudgetPeriod.objects.filter(budget=OuterRef("pk"), starts=starts).order_by()
    rows: Iterable[Budget] = budgets.select_related("member").annotate(
        month_used=Coalesce(Subquery(months.values("used")), 0),
        month_extra=Coalesce(Subquery(months.values("extra")), 0),
    )
    return [
        Standing(budget, starts, used=budget.month_used, extra=budget.month_extra)  # type: ignore[attr-defined]
        for budget in rows
    ]


def managers(team: Team) -> list[User]:
    """The members who decide about the team's budgets, owners first."""
    roles = [role for role, rights in RIGHTS.items() if Right.MANAGE_BUDGETS in rights]
    members = Membership.objects.filter(team=team, role__in=roles, user__is_active=True).by_rank()
    return [membership.user for membership in members]


# --- What the ledger says about a month -------------------------------------------------------


def holds_of(team: Team, starts: date) -> QuerySet[LedgerEntry]:
    """The holds that were made in the month that starts there."""
    zone = zone_of(team)
    return LedgerEntry.objects.filter(
        account__team=team,
        kind=LedgerEntry.Kind.HOLD,
        at__gte=_midnight(starts, zone),
        at__lt=_midnight(next_month(starts), zone),
    ).order_by()


def used_by_person(team: Team, starts: date) -> dict[str, int]:
    """Credits that each person's holds of the month keep or spent, by address."""
    zone, adapt = zone_of(team), connection.ops.adapt_datetimefield_value
    begin, end = adapt(_midnight(starts, zone)), adapt(_midnight(next_month(starts), zone))
    account = team.credit_account.pk
    used: dict[str, int] = {}
    with connection.cursor() as cursor:
        cursor.execute(_USED, [account, begin, end])
        rows = cursor.fetchall()
        cursor.execute(_CREDITED_BACK, [account, begin, begin, end])
        rows += cursor.fetchall()
    for actor, amount in rows:
        used[actor] = used.get(actor, 0) + int(amount)
    return used


# Jobs are joined, for which the ORM has no words: by a subquery for each hold, a month of 300,000
# jobs took ten seconds. What a settlement posts is what it spent, below zero.
_USED = """
SELECT hold.actor, SUM(COALESCE(-settled.d_posted, hold.d_held))
FROM teams_ledgerentry hold
LEFT JOIN teams_ledgerentry settled ON settled.job = hold.job AND settled.kind = 'settle'
WHERE hold.account_id = %s AND hold.kind = 'hold' AND hold.at >= %s AND hold.at < %s
GROUP BY hold.actor
"""
_CREDITED_BACK = """
SELECT hold.actor, -SUM(back.d_posted)
FROM teams_ledgerentry back
JOIN teams_ledgerentry hold ON hold.job = back.job AND hold.kind = 'hold'
WHERE back.account_id = %s AND back.kind = 'refund' AND back.at >= %s
  AND hold.at >= %s AND hold.at < %s
GROUP BY hold.actor
"""


def _midnight(day: date, zone: tzinfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone)
