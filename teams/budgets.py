"""Counts what a team and its members hold and spend in a month against their budgets.

A budget limits; it holds no credits. Its counters move inside the hold's transaction, after the
account's row, in the order account, budgets, months, the team's before the member's: whoever keeps
that order never waits in a circle. All amounts are whole credits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import F
from django.db.models.functions import Greatest
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from teams.budget_alerts import announce
from teams.budget_status import (
    Standing,
    budgets_of,
    managers,
    member_status,
    month_of,
    outlook,
    team_status,
)
from teams.models import Budget, BudgetPeriod, BudgetUse, Team, User

__all__ = [
    "BudgetExceeded",
    "Standing",
    "credit_back",
    "give_back",
    "member_status",
    "month_of",
    "outlook",
    "reserve",
    "reserve_all",
    "team_status",
]

#: More than any month can cost: stands for the limit of a budget that only warns.
_BOUNDLESS = 2**62
#: Admins whom a refusal names at most.
_NAMED = 3


class BudgetExceeded(Exception):
    """A hard limit forbids this. Its text is a sentence for people; the caller must roll back.

    `needed` and `left` are credits, `budget` is the one that refused.
    """

    def __init__(self, sentence: str, *, needed: int, left: int, budget: Budget) -> None:
        super().__init__(sentence)
        self.needed = needed
        self.left = left
        self.budget = budget


def reserve(*, team: Team, member: User | None, amount: int, job: str, at: datetime) -> None:
    """Count the hold of a job in the month of `at`, of the team and of the member.

    Runs inside the hold's transaction, after the account's row was moved. Raises BudgetExceeded
    where a hard limit would be passed; the caller's transaction must be rolled back then.
    """
    reserve_all(team=team, member=member, holds=[(job, amount)], at=at)


def reserve_all(
    *, team: Team, member: User | None, holds: Sequence[tuple[str, int]], at: datetime
) -> None:
    """Count the holds of several jobs, (job, amount) each, all or none. Otherwise as `reserve`."""
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("Budgets count only inside a transaction.")
    holds = [(job, amount) for job, amount in holds if amount]
    total = sum(amount for _job, amount in holds)
    if not holds:
        return
    # Locked, so that no limit changes and no budget goes while a hold counts in it. Holds of a
    # team wait for each other at its account already.
    budgets = list(budgets_of(team, member).select_for_update(no_key=True))
    if not budgets:
        return
    starts = month_of(team, at)
    for budget in budgets:
        if not _count(budget, starts, total):
            raise _refusal(team, member, budget, starts, total)
    by_id = {budget.pk: budget for budget in budgets}
    periods = list(BudgetPeriod.objects.filter(budget__in=budgets, starts=starts))
    BudgetUse.objects.bulk_create(
        BudgetUse(period=period, job=job, amount=amount)
        for period in periods
        for job, amount in holds
    )
    for period in periods:
        announce(by_id[period.budget_id], period, at)


def give_back(*, job: str, captured: int) -> None:
    """Return what a job's settlement did not spend to the months that its hold was counted in.

    Runs inside the settlement's transaction; a second call changes nothing.
    """
    for use in BudgetUse.objects.filter(job=job, captured=None).order_by(*_TEAM_FIRST):
        if not BudgetUse.objects.filter(pk=use.pk, captured=None).update(captured=captured):
            continue
        if returned := use.amount - captured:
            _return(use, returned)


def credit_back(*, job: str, amount: int) -> None:
    """Take credits that the operator gave back for a settled job off the month of its hold.

    Runs inside the transaction of the refund's entry, whose key makes it count once.
    """
    for use in BudgetUse.objects.filter(job=job, captured__gt=0).order_by(*_TEAM_FIRST):
        returned = min(amount, use.captured or 0)
        if BudgetUse.objects.filter(pk=use.pk, captured__gte=returned).update(
            captured=F("captured") - returned
        ):
            _return(use, returned)


_TEAM_FIRST = (F("period__budget__member").asc(nulls_first=True),)


def _return(use: BudgetUse, amount: int) -> None:
    BudgetPeriod.objects.filter(pk=use.period_id).update(used=Greatest(F("used") - amount, 0))


def _count(budget: Budget, starts: date, amount: int) -> bool:
    # Whoever would pass a hard limit changes no row.
    limit = budget.limit if budget.is_hard else _BOUNDLESS
    open_ = BudgetPeriod.objects.filter(
        budget=budget, starts=starts, used__lte=F("extra") + (limit - amount)
    )
    if open_.update(used=F("used") + amount):
        return True
    # The first use of a month makes its row; if another transaction was first, its row counts.
    BudgetPeriod.objects.bulk_create(
        [BudgetPeriod(budget=budget, starts=starts)], ignore_conflicts=True
    )
    return open_.update(used=F("used") + amount) == 1


def _refusal(
    team: Team, member: User | None, budget: Budget, starts: date, needed: int
) -> BudgetExceeded:
    period = BudgetPeriod.objects.get(budget=budget, starts=starts)
    standing = Standing(budget, starts, used=period.used, extra=period.extra)
    sentence = ngettext(
        "This needs %(needed)s credit, and %(budget)s for %(month)s has %(left)s of %(allowed)s "
        "left.",
        "This needs %(needed)s credits, and %(budget)s for %(month)s has %(left)s of %(allowed)s "
        "left.",
        needed,
    ) % {
        "needed": intcomma(needed),
        "budget": _("the budget of the team") if budget.member_id is None else _("your budget"),
        "month": date_format(starts, "F"),
        "left": intcomma(standing.left),
        "allowed": intcomma(standing.allowed),
    }
    return BudgetExceeded(
        f"{sentence} {_whom_to_ask(team, member)}",
        needed=needed,
        left=standing.left,
        budget=budget,
    )


def _whom_to_ask(team: Team, member: User | None) -> str:
    people = managers(team)
    if member in people:
        return _("You can raise it on the Budgets page.")
    names = [person.get_full_name() for person in people]
    if not names:
        return _("Ask an admin of the team.")
    if len(names) > _NAMED:
        shown = ", ".join(names[:_NAMED])
        return _("Ask %(names)s or another admin of the team.") % {"names": shown}
    if len(names) == 1:
        return _("Ask %(name)s.") % {"name": names[0]}
    return _("Ask %(names)s or %(last)s.") % {"names": ", ".join(names[:-1]), "last": names[-1]}
