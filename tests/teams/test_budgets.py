"""A month's budget: what counts against it, what is refused, and which month it belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from teams import budgets
from teams.budget_changes import (
    BudgetRefused,
    Limits,
    allow_more,
    remove_budget,
    set_budget,
    set_budgets,
)
from teams.budgets import BudgetExceeded
from teams.models import (
    AuditEntry,
    Budget,
    BudgetPeriod,
    BudgetUse,
    Membership,
    Role,
    Team,
    User,
)
from teams.services import remove_member

NOVEMBER = datetime(2026, 11, 15, 12, tzinfo=UTC)
FIRST = date(2026, 11, 1)


def reserve(team: Team, member: User | None, amount: int, job: str, at=NOVEMBER) -> None:
    with transaction.atomic():
        budgets.reserve(team=team, member=member, amount=amount, job=job, at=at)


def give_back(job: str, captured: int) -> None:
    with transaction.atomic():
        budgets.give_back(job=job, captured=captured)


def used(team: Team) -> dict[tuple[str, date], int]:
    """What each month counts, by whose budget it is."""
    return {
        (str(period.budget.member or "team"), period.starts): period.used
        for period in BudgetPeriod.objects.filter(budget__team=team)
    }


# --- Counting ---------------------------------------------------------------------------------


def test_a_hold_counts_for_the_team_and_its_member(team, mia):
    Budget.objects.create(team=team, limit=100)
    Budget.objects.create(team=team, member=mia, limit=10)

    reserve(team, mia, 4, "job-1")
    reserve(team, None, 6, "job-2")

    assert used(team) == {("team", FIRST): 10, ("Mia Moser", FIRST): 4}
    uses = BudgetUse.objects.order_by("job", "pk").values_list("job", "amount", "captured")
    assert list(uses) == [("job-1", 4, None), ("job-1", 4, None), ("job-2", 6, None)]


def test_what_a_job_did_not_spend_returns_to_the_month_of_its_hold(team, mia):
    Budget.objects.create(team=team, limit=100)
    Budget.objects.create(team=team, member=mia, limit=10)
    reserve(team, mia, 8, "job-1")
    reserve(team, mia, 2, "job-2", at=datetime(2026, 12, 1, tzinfo=UTC))

    give_back("job-1", captured=3)
    give_back("job-1", captured=0)  # A settlement is counted once.

    december = date(2026, 12, 1)
    assert used(team) == {
        ("team", FIRST): 3,
        ("Mia Moser", FIRST): 3,
        ("team", december): 2,
        ("Mia Moser", december): 2,
    }


def test_credits_that_the_operator_gave_back_leave_the_month_of_the_hold(team, mia):
    Budget.objects.create(team=team, limit=100)
    reserve(team, mia, 8, "job-1")
    give_back("job-1", captured=6)

    with transaction.atomic():
        budgets.credit_back(job="job-1", amount=2)

    assert used(team) == {("team", FIRST): 4}


@pytest.mark.parametrize(
    ("_case", "zone", "moment", "expected"),
    [
        ("UTC before midnight", "UTC", "2026-11-30T23:59Z", "2026-11-01"),
        ("UTC at midnight", "UTC", "2026-12-01T00:00Z", "2026-12-01"),
        ("Zurich in winter is an hour ahead", "Europe/Zurich", "2026-11-30T23:00Z", "2026-12-01"),
        ("and a minute before", "Europe/Zurich", "2026-11-30T22:59Z", "2026-11-01"),
        ("Zurich in summer is two ahead", "Europe/Zurich", "2026-07-31T22:00Z", "2026-08-01"),
        ("and a minute before", "Europe/Zurich", "2026-07-31T21:59Z", "2026-07-01"),
        ("the month of the change itself", "Europe/Zurich", "2026-03-31T22:00Z", "2026-04-01"),
        ("its beginning was still winter", "Europe/Zurich", "2026-02-28T23:00Z", "2026-03-01"),
        ("New York is behind", "America/New_York", "2026-11-01T03:59Z", "2026-10-01"),
        ("and has its own change", "America/New_York", "2026-11-01T04:00Z", "2026-11-01"),
        ("a zone nobody knows", "Mars/Olympus", "2026-12-01T00:00Z", "2026-12-01"),
    ],
)
def test_a_month_is_that_of_the_teams_zone(_case, zone, moment, expected, team):
    Team.objects.filter(pk=team.pk).update(time_zone=zone)
    team.refresh_from_db()
    Budget.objects.create(team=team, limit=5)

    reserve(team, None, 5, "job", at=datetime.fromisoformat(moment))

    assert [str(starts) for _whose, starts in used(team)] == [expected]


def test_a_new_month_begins_with_nothing_used(team):
    Team.objects.filter(pk=team.pk).update(time_zone="Europe/Zurich")
    team.refresh_from_db()
    zurich = ZoneInfo("Europe/Zurich")
    Budget.objects.create(team=team, limit=10)
    # October has 25 hours on its 25th day there.
    reserve(team, None, 10, "job-1", at=datetime(2026, 10, 31, 23, 59, 59, tzinfo=zurich))
    with pytest.raises(BudgetExceeded):
        reserve(team, None, 1, "job-2", at=datetime(2026, 10, 31, 23, 59, 59, tzinfo=zurich))

    reserve(team, None, 10, "job-3", at=datetime(2026, 11, 1, tzinfo=zurich))

    assert used(team) == {("team", date(2026, 10, 1)): 10, ("team", date(2026, 11, 1)): 10}


# --- Refusing ---------------------------------------------------------------------------------


def test_a_hard_limit_refuses_with_numbers_and_names(team, mia):
    Budget.objects.create(team=team, limit=1000)
    Budget.objects.create(team=team, member=mia, limit=10)
    reserve(team, mia, 8, "job-1")

    with pytest.raises(BudgetExceeded) as refused:
        reserve(team, mia, 4, "job-2")

    assert str(refused.value) == (
        "This needs 4 credits, and your budget for November has 2 of 10 left. Ask Alice Archer."
    )
    assert (refused.value.needed, refused.value.left) == (4, 2)
    assert used(team) == {("team", FIRST): 8, ("Mia Moser", FIRST): 8}
    assert BudgetUse.objects.count() == 2


def test_the_budget_of_the_team_refuses_those_with_plenty_of_their_own(team, mia, alice):
    ada = User.objects.create_user("ada@example.com", name="Ada Admin")
    Membership.objects.create(team=team, user=ada, role=Role.ADMIN)
    Budget.objects.create(team=team, limit=1200)
    Budget.objects.create(team=team, member=mia, limit=5000)
    reserve(team, None, 100, "job-1")

    with pytest.raises(BudgetExceeded) as refused:
        reserve(team, mia, 1101, "job-2")

    assert str(refused.value) == (
        "This needs 1,101 credits, and the budget of the team for November has 1,100 of 1,200 "
        "left. Ask Alice Archer or Ada Admin."
    )
    with pytest.raises(BudgetExceeded, match="You can raise it on the Budgets page"):
        reserve(team, alice, 1101, "job-3")
    assert used(team) == {("team", FIRST): 100}


def test_exactly_the_limit_is_let_through(team):
    Budget.objects.create(team=team, limit=10)

    reserve(team, None, 10, "job-1")

    assert used(team) == {("team", FIRST): 10}
    with pytest.raises(BudgetExceeded, match=r"needs 1 credit, and .* has 0 of 10 left"):
        reserve(team, None, 1, "job-2")


def test_a_limit_of_nothing_stops_every_launch(team, mia):
    Budget.objects.create(team=team, member=mia, limit=0)

    with pytest.raises(BudgetExceeded, match="has 0 of 0 left"):
        reserve(team, mia, 1, "job-1")

    assert used(team) == {}


def test_a_soft_limit_lets_everything_through(team):
    Budget.objects.create(team=team, limit=10, is_hard=False)

    reserve(team, None, 50, "job-1")
    reserve(team, None, 50, "job-2")

    assert used(team) == {("team", FIRST): 100}


def test_several_jobs_count_all_or_none(team, mia):
    Budget.objects.create(team=team, limit=100)
    Budget.objects.create(team=team, member=mia, limit=10)
    three = [(f"job-{number}", 4) for number in range(3)]

    with pytest.raises(BudgetExceeded) as refused, transaction.atomic():
        budgets.reserve_all(team=team, member=mia, holds=three, at=NOVEMBER)
    assert (refused.value.needed, refused.value.left, used(team)) == (12, 10, {})

    with transaction.atomic():
        budgets.reserve_all(team=team, member=mia, holds=three[:2], at=NOVEMBER)
    assert used(team) == {("team", FIRST): 8, ("Mia Moser", FIRST): 8}
    assert BudgetUse.objects.count() == 4


def test_the_budget_of_another_team_is_not_asked(team, mia, charlie):
    from teams.services import create_team

    other = create_team(name="Other", owner=charlie)
    Membership.objects.create(team=other, user=mia, role=Role.CREATOR)
    Budget.objects.create(team=other, limit=1)
    Budget.objects.create(team=other, member=mia, limit=1)

    reserve(team, mia, 50, "job-1")

    assert (used(team), used(other)) == ({}, {})


def test_counts_only_inside_a_transaction(team, transactional_db):
    with pytest.raises(RuntimeError, match="only inside a transaction"):
        budgets.reserve(team=team, member=None, amount=1, job="job", at=NOVEMBER)


def test_costs_one_query_without_budgets_and_five_with_two(team, mia, django_assert_num_queries):
    with django_assert_num_queries(1):
        budgets.reserve(team=team, member=mia, amount=1, job="job-1", at=NOVEMBER)
    Budget.objects.create(team=team, limit=100)
    Budget.objects.create(team=team, member=mia, limit=100)
    reserve(team, mia, 1, "job-2")

    with django_assert_num_queries(5):
        budgets.reserve(team=team, member=mia, amount=1, job="job-3", at=NOVEMBER)
    with django_assert_num_queries(5):
        budgets.reserve_all(
            team=team, member=mia, holds=[(f"batch-{n}", 1) for n in range(40)], at=NOVEMBER
        )


# --- Changing ---------------------------------------------------------------------------------


def test_every_change_is_audited(team, mia, alice):
    set_budget(team=team, member=mia, limit=50, by=alice, at=NOVEMBER)
    set_budget(team=team, member=mia, limit=50, by=alice, at=NOVEMBER)  # No change, no entry.
    set_budget(team=team, member=mia, limit=40, warn_at=60, is_hard=False, by=alice, at=NOVEMBER)
    assert remove_budget(team=team, member=mia, by=alice, at=NOVEMBER) is True
    assert remove_budget(team=team, member=mia, by=alice, at=NOVEMBER) is False

    entries = AuditEntry.objects.filter(action__startswith="budget.").order_by("pk")
    assert [(e.actor, e.action, e.subject, e.data) for e in entries] == [
        (
            "alice@example.com",
            "budget.set",
            "mia@example.com",
            {"limit": 50, "warn_at": 80, "is_hard": True},
        ),
        (
            "alice@example.com",
            "budget.changed",
            "mia@example.com",
            {
                "limit": 40,
                "warn_at": 60,
                "is_hard": False,
                "former_limit": 50,
                "former_warn_at": 80,
                "former_is_hard": True,
            },
        ),
        ("alice@example.com", "budget.removed", "mia@example.com", {"former_limit": 40}),
    ]


def test_a_stranger_gets_no_budget_and_nothing_else_is_saved(team, mia, alice, charlie):
    with pytest.raises(BudgetRefused, match="Charlie Cole is no longer in the team"):
        set_budgets(team=team, by=alice, wishes={mia: Limits(5), charlie: Limits(5)}, at=NOVEMBER)

    assert Budget.objects.count() == 0
    assert AuditEntry.objects.filter(action__startswith="budget.").count() == 0


def test_who_leaves_the_team_leaves_the_budget_behind(team, mia, alice):
    set_budget(team=team, member=mia, limit=50, by=alice, at=NOVEMBER)
    reserve(team, mia, 4, "job-1")

    remove_member(membership=Membership.objects.get(user=mia), by=alice)

    assert (Budget.objects.count(), BudgetUse.objects.count()) == (0, 0)
    give_back("job-1", captured=0)
    assert AuditEntry.objects.filter(action="budget.removed").count() == 1


def test_more_for_this_month_is_not_for_the_next(team, mia, alice):
    set_budget(team=team, member=mia, limit=10, by=alice, at=NOVEMBER)

    given = allow_more(team=team, member=mia, amount=5, at=NOVEMBER)

    assert given == {"member": 5}
    reserve(team, mia, 15, "job-1")
    with pytest.raises(BudgetExceeded, match="for December has 10 of 10 left"):
        reserve(team, mia, 11, "job-2", at=datetime(2026, 12, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    ("_case", "limit", "is_hard", "expected"),
    [
        ("enough is left", 100, True, {"member": 20}),
        ("8 of the 20 are missing", 22, True, {"team": 8, "member": 20}),
        ("all is used", 10, True, {"team": 20, "member": 20}),
        ("it only warns", 10, False, {"member": 20}),
    ],
)
def test_the_team_gets_what_its_month_lacks_for_it(
    _case, limit, is_hard, expected, team, mia, alice
):
    set_budget(team=team, member=None, limit=limit, is_hard=is_hard, by=alice, at=NOVEMBER)
    set_budget(team=team, member=mia, limit=10, by=alice, at=NOVEMBER)
    reserve(team, mia, 10, "job-1")

    assert allow_more(team=team, member=mia, amount=20, at=NOVEMBER) == expected

    reserve(team, mia, 20, "job-2")
