"""The operator's list of teams: what they have, what their jobs spent lately, when they last moved."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import localdate, now

from generation.models import Job, UsageDay
from teams.models import Team, User
from teams.templatetags.ledger import NONE
from tests.factories import PASSWORD, deliver_swap, launch_swap, make_team, make_user

LIST = "/admin/teams/team/"


@pytest.fixture
def operator(client, db) -> User:
    operator = User.objects.create_superuser("operator@example.com", PASSWORD)
    client.force_login(operator)
    return operator


def names(client, query: str) -> list[str]:
    return [team.name for team in client.get(LIST + query).context["cl"].result_list]


def spent_on(team: Team, days_ago: int, credits: int) -> None:  # noqa: A002 - as in the ledger
    UsageDay.objects.create(
        team=team,
        day=localdate() - timedelta(days=days_ago),
        dimension="operation",
        value="swap_model",
        captured=credits,
    )


def test_a_row_says_what_a_team_has_holds_and_spent(client, operator):
    team = make_team("Nord", credits_=1500)
    deliver_swap(team)
    launch_swap(team)
    spent_on(team, 29, 1000)
    spent_on(team, 30, 5000)

    page = client.get(LIST).content.decode()

    assert f'<a href="/admin/teams/ledgerentry/?team={team.slug}">1,492</a>' in page
    assert '<td class="field-held">4</td>' in page
    assert '<td class="field-spent">1,004</td>' in page
    (row,) = client.get(LIST).context["cl"].result_list
    assert row.moved_at == Job.objects.latest("changed_at").changed_at
    assert (row.member_count, row.is_owned) == (1, True)
    page = client.get(f"{LIST}{team.pk}/change/").content.decode()
    assert "1,492 available, 4 held" in page
    assert "1,004" in page


def test_a_team_without_jobs_has_neither_spend_nor_activity(client, operator):
    make_team("Quiet", credits_=0)

    page = client.get(LIST).content.decode()

    assert '<td class="field-spent">0</td>' in page
    assert f'<td class="field-last_active">{NONE}</td>' in page


def test_teams_are_found_by_standing_balance_and_people(client, operator):
    fine, low, empty = (make_team(name, credits_=n) for name, n in (("Fine", 71), ("Low", 69), ("Empty", 0)))  # fmt: skip
    for team in (fine, low):
        spent_on(team, 3, 300)
    Team.objects.filter(name="Fine").update(suspended_at=now())
    closed = make_team("Gone", credits_=0, owner=make_user("zoe@example.com"))
    Team.objects.filter(pk=closed.pk).update(suspended_at=now(), closed_at=now())

    assert names(client, "?left=low") == ["Low"]
    assert names(client, "?left=none") == ["Empty"]
    assert names(client, "?standing=suspended") == ["Fine"]
    assert names(client, "?standing=closed") == ["Gone"]
    assert names(client, "?standing=working") == ["Empty", "Low"]
    assert names(client, "?q=zoe@example.com") == ["Gone"]
    assert names(client, f"?q={empty.slug}") == ["Empty"]


def test_teams_are_sorted_by_what_they_have_and_spend(client, operator):
    for name, left, spent in (("A", 5, 7), ("B", 90, 3), ("C", 20, 900)):
        spent_on(make_team(name, credits_=left), 1, spent)

    columns = client.get(LIST).context["cl"].list_display
    available, spend = columns.index("available"), columns.index("spent")

    assert names(client, f"?o=-{available}") == ["B", "C", "A"]
    assert names(client, f"?o={spend}") == ["B", "A", "C"]


def test_the_list_asks_the_same_number_of_queries_for_many_teams(client, operator):
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            client.get(LIST)
        return len(queries)

    make_team("One")
    one = asked()
    for number in range(12):
        spent_on(make_team(f"More {number}"), 1, 5)

    assert asked() == one <= 6
