"""What people do to budgets: set, change and remove limits, and allow more for one month.

Each is recorded in the audit trail. Locks are taken in the order account, team, budgets, months.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils.translation import gettext as _

from teams.audit import record
from teams.budget_alerts import announce, rearm
from teams.budget_status import (
    Standing,
    budgets_of,
    holds_of,
    in_lock_order,
    month_of,
    used_by_person,
)
from teams.models import (
    Budget,
    BudgetPeriod,
    BudgetUse,
    CreditAccount,
    LedgerEntry,
    Membership,
    Team,
    User,
)
from teams.models.budgets import WARN_AT


class BudgetRefused(Exception):
    """The change is not possible. Nothing happened. Its text is a sentence for people."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a budget says: credits a month, the per cent of the first warning, what happens beyond."""

    limit: int
    warn_at: int = WARN_AT
    is_hard: bool = True


@transaction.atomic
def set_budgets(
    *, team: Team, by: User, wishes: Mapping[User | None, Limits | None], at: datetime
) -> int:
    """Give the team (None) and members these limits, or none; returns how many budgets changed.

    A new budget counts what its month has seen so far. Raises BudgetRefused for somebody who is
    no member of the team; then nothing is changed at all.
    """
    # No hold may pass between the counting of the past and the first use of the counter. The account
    # comes first: a delivery settles and then counts its files at the team.
    CreditAccount.objects.select_for_update(no_key=True).get(team=team)
    # Not the whole row's lock: whoever writes a row that belongs to the team needs not wait.
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    budgets = in_lock_order(Budget.objects.filter(team=team))
    present = {budget.member_id: budget for budget in budgets.select_for_update(no_key=True)}
    changed = 0
    for member in sorted(wishes, key=lambda person: person.pk if person else 0):
        wish, budget = wishes[member], present.get(member.pk if member else None)
        if wish is None:
            changed += budget is not None and _remove(budget, team, member, by)
        elif budget is None:
            _create(team, member, wish, by, at)
            changed += 1
        else:
            changed += _change(budget, team, member, wish, by, at)
    return changed


def set_budget(
    *,
    team: Team,
    member: User | None,
    limit: int,
    by: User,
    at: datetime,
    warn_at: int = WARN_AT,
    is_hard: bool = True,
) -> Budget:
    """Give the team, or one member, a limit. Raises what `set_budgets` raises."""
    set_budgets(team=team, by=by, wishes={member: Limits(limit, warn_at, is_hard)}, at=at)
    return Budget.objects.get(team=team, member=member)


def remove_budget(*, team: Team, member: User | None, by: User, at: datetime) -> bool:
    """Take the limit away; False when there was none. What was used is forgotten with it."""
    return set_budgets(team=team, by=by, wishes={member: None}, at=at) == 1


def forget_member(*, team: Team, member: User, by: User) -> None:
    """Remove the budget of somebody who leaves the team, in the transaction that takes them out."""
    budget = Budget.objects.filter(team=team, member=member).select_for_update(no_key=True).first()
    if budget is not None:
        _remove(budget, team, member, by)


def allow_more(*, team: Team, member: User | None, amount: int, at: datetime) -> dict[str, int]:
    """Allow the member so many credits more this month, and the team what it needs for them.

    The team's month gets more only where its budget refuses and has less left than `amount`.
    Returns what each month got: "team", "member"; a budget that is not there gets nothing.
    """
    starts = month_of(team, at)
    given = {}
    for budget in budgets_of(team, member).select_for_update(no_key=True):
        period = _month(budget, starts)
        more = amount
        if budget.member_id is None:
            left = budget.limit + period.extra - period.used
            more = max(0, amount - left) if budget.is_hard else 0
        if not more:
            continue
        BudgetPeriod.objects.filter(pk=period.pk).update(extra=F("extra") + more)
        _look_again(budget, period, at)
        given["team" if budget.member_id is None else "member"] = more
    return given


def _create(team: Team, member: User | None, wish: Limits, by: User, at: datetime) -> None:
    if member and not Membership.objects.filter(team=team, user=member).exists():
        raise BudgetRefused(_("%(person)s is no longer in the team.") % {"person": member})
    budget = Budget.objects.create(
        team=team, member=member, limit=wish.limit, warn_at=wish.warn_at, is_hard=wish.is_hard
    )
    starts = month_of(team, at)
    period = BudgetPeriod.objects.create(
        budget=budget, starts=starts, used=_used_so_far(team, member, starts)
    )
    settled = LedgerEntry.objects.filter(job=OuterRef("job"), kind=LedgerEntry.Kind.SETTLE)
    still_open = holds_of(team, starts).filter(~Exists(settled))
    if member:
        still_open = still_open.filter(actor=member.email)
    BudgetUse.objects.bulk_create(
        BudgetUse(period=period, job=job, amount=amount)
        for job, amount in still_open.values_list("job", "d_held")
    )
    record(
        team=team,
        actor=by,
        action="budget.set",
        subject=member.email if member else team.name,
        limit=wish.limit,
        warn_at=wish.warn_at,
        is_hard=wish.is_hard,
    )
    announce(budget, period, at)


def _used_so_far(team: Team, member: User | None, starts: date) -> int:
    used = used_by_person(team, starts)
    return max(0, used.get(member.email, 0) if member else sum(used.values()))


def _change(
    budget: Budget, team: Team, member: User | None, wish: Limits, by: User, at: datetime
) -> bool:
    before = Limits(budget.limit, budget.warn_at, budget.is_hard)
    if wish == before:
        return False
    budget.limit, budget.warn_at, budget.is_hard = wish.limit, wish.warn_at, wish.is_hard
    budget.save()
    record(
        team=team,
        actor=by,
        action="budget.changed",
        subject=member.email if member else team.name,
        limit=wish.limit,
        warn_at=wish.warn_at,
        is_hard=wish.is_hard,
        former_limit=before.limit,
        former_warn_at=before.warn_at,
        former_is_hard=before.is_hard,
    )
    _look_again(budget, _month(budget, month_of(team, at)), at)
    return True


def _remove(budget: Budget, team: Team, member: User | None, by: User) -> bool:
    budget.delete()
    record(
        team=team,
        actor=by,
        action="budget.removed",
        subject=member.email if member else team.name,
        former_limit=budget.limit,
    )
    return True


def _look_again(budget: Budget, period: BudgetPeriod, at: datetime) -> None:
    """After the limit moved: marks beyond it count anew, those that it fell below are told."""
    period.refresh_from_db()
    rearm(Standing(budget, period.starts, used=period.used, extra=period.extra), period)
    announce(budget, period, at)


def _month(budget: Budget, starts: date) -> BudgetPeriod:
    BudgetPeriod.objects.bulk_create(
        [BudgetPeriod(budget=budget, starts=starts)], ignore_conflicts=True
    )
    return BudgetPeriod.objects.select_for_update().get(budget=budget, starts=starts)
