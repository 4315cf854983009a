"""Counts what a team and its members hold and spend in a month against their budgets.

A budget limits; it holds no credits. Its counters move inside the hold's transaction, after the
account's row, in the order account, team's month, member's month: whoever keeps that order never
waits in a circle. All amounts are whole credits.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime

from django.contrib.humanize.templatetags.humanize import intcomma
from django.db import transaction
from django.db.models import Case, F, OuterRef, Q, Subquery, Value, When
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from teams.access import RIGHTS, Right
from teams.models import Budget, BudgetPeriod, BudgetUse, Membership, Team, User
from teams.zones import find_zone

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


def month_of(team: Team, at: datetime) -> date:
    """The first day of the month in which that moment falls where the team works."""
    return at.astimezone(find_zone(team.time_zone) or UTC).date().replace(day=1)


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
    starts = month_of(team, at)
    budgets = _in_lock_order(team, member)
    for budget in budgets:
        if not _count(budget, starts, total):
            raise _refusal(team, member, budget, starts, total)
    if not budgets:
        return
    periods = BudgetPeriod.objects.filter(budget__in=budgets, starts=starts)
    BudgetUse.objects.bulk_create(
        BudgetUse(period=period, job=job, amount=amount)
        for period in periods
        for job, amount in holds
    )


def give_back(*, job: str, captured: int) -> None:
    """Return what a job's settlement did not spend to the months that its hold was counted in.

    Runs inside the settlement's transaction; a second call changes nothing.
    """
    uses = BudgetUse.objects.filter(job=job, captured=None).order_by(
        F("period__budget__member").asc(nulls_first=True)
    )
    for use in uses:
        if not BudgetUse.objects.filter(pk=use.pk, captured=None).update(captured=captured):
            continue
        if returned := use.amount - captured:
            BudgetPeriod.objects.filter(pk=use.period_id).update(used=F("used") - returned)


def _in_lock_order(team: Team, member: User | None) -> list[Budget]:
    of_member = Q(member=None) if member is None else Q(member=None) | Q(member=member)
    budgets = Budget.objects.filter(of_member, team=team)
    return list(budgets.order_by(F("member").asc(nulls_first=True)))


def _count(budget: Budget, starts: date, amount: int) -> bool:
    # Whoever would pass a hard limit changes no row. The limit is read by a subquery of its own:
    # a join would make Django select the rows first, and PostgreSQL would then not look again at
    # a counter that somebody moved while the UPDATE waited for it.
    limit = Budget.objects.filter(pk=OuterRef("budget_id")).values(
        bound=Case(When(is_hard=True, then=F("limit")), default=Value(_BOUNDLESS))
    )
    open_ = (
        BudgetPeriod.objects.filter(budget=budget, starts=starts)
        .annotate(bound=Subquery(limit))
        .filter(used__lte=F("bound") + F("extra") - amount)
    )
    if open_.update(used=F("used") + amount):
        return True
    # The first use of a month makes its row; if another transaction was first, its row counts.
    BudgetPeriod.objects.bulk_create(
        [BudgetPeriod(budget=budget, starts=starts)], ignore_conflicts=True
    )
    return open_.update(used=F("used") + amount) == 1


def managers(team: Team) -> list[User]:
    """The members who decide about the team's budgets, owners first."""
    roles = [role for role, rights in RIGHTS.items() if Right.MANAGE_BUDGETS in rights]
    members = Membership.objects.filter(team=team, role__in=roles, user__is_active=True).by_rank()
    return [membership.user for membership in members]


def _refusal(
    team: Team, member: User | None, budget: Budget, starts: date, needed: int
) -> BudgetExceeded:
    period = BudgetPeriod.objects.get(budget=budget, starts=starts)
    allowed = budget.limit + period.extra
    left = max(0, allowed - period.used)
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
        "left": intcomma(left),
        "allowed": intcomma(allowed),
    }
    return BudgetExceeded(
        f"{sentence} {_whom_to_ask(team, member)}", needed=needed, left=left, budget=budget
    )


def _whom_to_ask(team: Team, member: User | None) -> str:
    people = managers(team)
    if member in people:
        return _("You can raise it on the Budgets page.")
    names = [person.get_full_name() for person in people]
    if not names:
        return _("Ask an admin of the team.")
    if len(names) > _NAMED:
        return _("Ask %(names)s or another admin of the team.") % {
            "names": ", ".join(names[:_NAMED])
        }
    first, last = names[:-1], names[-1]
    if not first:
        return _("Ask %(name)s.") % {"name": last}
    return _("Ask %(names)s or %(last)s.") % {"names": ", ".join(first), "last": last}
