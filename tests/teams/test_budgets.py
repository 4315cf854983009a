"""A month's budget: what counts against it, what is refused, and which month it belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from django.db import transaction

from teams import budgets
from teams.budgets import BudgetExceeded
from teams.models import Budget, BudgetPeriod, BudgetUse, Membership, Role, Team, User

NOVEMBER = datetime(2026, 11, 15, 12, tzinfo=UTC)


@pytest.fixture
def mia(team: Team) -> User:
    """A creator of the team: launches, and may ask for credits."""
    mia = User.objects.create_user("mia@example.com", name="Mia Moser")
    Membership.objects.create(team=team, user=mia, role=Role.CREATOR)
    return mia


def reserve(team: Team, member: User | None, amount: int, job: str, at=NOVEMBER) -> None:
    with transaction.atomic():
        budgets.reserve(team=team, member=member, amount=amount, job=job, at=at)


def used(team: Team) -> dict[tuple[str, date], int]:
    """What each month counts, by whose budget it is."""
    return {
        (str(period.budget.member or "team"), period.starts): period.used
        for period in BudgetPeriod.objects.select_related("budget__member")
    }


def test_a_hold_counts_for_the_team_and_its_member(team, mia):
    Budget.objects.create(team=team, limit=100)
    Budget.objects.create(team=team, member=mia, limit=10)

    reserve(team, mia, 4, "job-1")
    reserve(team, None, 6, "job-2")

    first = date(2026, 11, 1)
    assert used(team) == {("team", first): 10, ("Mia Moser", first): 4}


def test_what_a_job_did_not_spend_returns_to_the_month_of_its_hold(team, mia):
    Budget.objects.create(team=team, limit=100)
    Budget.objects.create(team=team, member=mia, limit=10)
    reserve(team, mia, 8, "job-1")
    reserve(team, mia, 2, "job-2", at=datetime(2026, 12, 1, tzinfo=UTC))

    with transaction.atomic():
        budgets.give_back(job="job-1", captured=3)
        budgets.give_back(job="job-1", captured=3)

    november, december = date(2026, 11, 1), date(2026, 12, 1)
    assert used(team) == {
        ("team", november): 3,
        ("Mia Moser", november): 3,
        ("team", december): 2,
        ("Mia Moser", december): 2,
    }


def test_a_hard_limit_refuses_with_numbers_and_names(team, mia):
    Budget.objects.create(team=team, limit=100)
    Budget.objects.create(team=team, member=mia, limit=10)
    reserve(team, mia, 8, "job-1")

    with pytest.raises(BudgetExceeded) as refused:
        reserve(team, mia, 4, "job-2")

    assert str(refused.value) == (
        "This needs 4 credits, and your budget for November has 2 of 10 left. Ask Alice Archer."
    )
    assert (refused.value.needed, refused.value.left) == (4, 2)
    first = date(2026, 11, 1)
    assert used(team) == {("team", first): 8, ("Mia Moser", first): 8}
    assert BudgetUse.objects.count() == 2
