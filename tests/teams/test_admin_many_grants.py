"""One grant to many teams: previewed with every balance, told one by one, counted once per team."""

from __future__ import annotations

import re

import pytest
from django.utils.timezone import now

from teams.models import AuditEntry, Grant, LedgerEntry, Team, User
from tests.factories import make_team
from tests.teams.operator_pages import PASSWORD, available, key, make_operator

LIST = "/admin/teams/team/"
PATH = "/admin/teams/team/grant-many/"


@pytest.fixture
def operator(db) -> User:
    return User.objects.create_superuser("operator@example.com", PASSWORD)


@pytest.fixture
def three(db) -> list[Team]:
    return [
        make_team(f"Team {letter}", credits_=n) for letter, n in (("A", 10), ("B", 0), ("C", 5))
    ]


def filled(teams: list[Team], **more: str) -> dict[str, str]:
    ids = ",".join(str(team.pk) for team in teams)
    kept = {"kind": "paid", "priority": "50", "key": key(), "teams": ids}
    return {"amount": "50", "reason": "Spring", **kept, **more}


def told(page: str) -> list[tuple[str, str, str]]:
    """What the page says happened, by team."""
    return re.findall(r">(Team [A-C])</a></th><td>([^<]+)</td><td class=\"number\">(\d+)<", page)


def test_teams_that_were_ticked_are_granted_the_same(client, operator, three):
    client.force_login(operator)
    ticked = {"action": "grant_to_many", "_selected_action": [team.pk for team in three[:2]]}
    page = client.post(LIST, ticked)
    assert "The same to each of: Team A, Team B." in page.content.decode()
    form = page.context["form"]
    assert set(form.initial["teams"].split(",")) == {str(team.pk) for team in three[:2]}

    sent = filled(three[:2])
    preview = client.post(PATH, sent).content.decode()
    rows = re.findall(r'<th scope="row">(Team .)</th><td class="number">(\d+)</td><td class="number">(\d+)</td>', preview)  # fmt: skip
    assert rows == [("Team A", "10", "60"), ("Team B", "0", "50")]
    assert "50 credits to each of 2 teams, 100 credits in all" in preview
    assert [available(team) for team in three] == [10, 0, 5]

    page = client.post(PATH, {**sent, "confirm": "1"}).content.decode()

    assert told(page) == [("Team A", "Granted", "60"), ("Team B", "Granted", "50")]
    assert [available(team) for team in three] == [60, 50, 5]
    entries = LedgerEntry.objects.filter(reason="Spring")
    assert {entry.actor for entry in entries} == {"operator@example.com"}
    assert AuditEntry.objects.filter(action="credits.granted", data__credits=50).count() == 2


def test_a_form_that_was_cut_short_is_completed_by_sending_it_again(client, operator, three):
    client.force_login(operator)
    sent = filled(three)
    Team.objects.filter(name="Team B").update(suspended_at=now(), closed_at=now())

    page = client.post(PATH, {**sent, "confirm": "1"}).content.decode()
    assert told(page) == [
        ("Team A", "Granted", "60"),
        ("Team B", "Closed: got nothing", "0"),
        ("Team C", "Granted", "55"),
    ]
    assert "2 of 3 teams were granted 50 credits." in page
    Team.objects.update(suspended_at=None, closed_at=None)
    for words in ("Granted", "Was granted already: nothing was added"):
        page = client.post(PATH, {**sent, "confirm": "1"}).content.decode()
        assert told(page)[1] == ("Team B", words, "50")

    assert [available(team) for team in three] == [60, 50, 55]
    assert Grant.objects.filter(reason="Spring").count() == 3


def test_each_team_gets_its_days_in_its_own_zone(client, operator, three):
    Team.objects.filter(name="Team A").update(time_zone="Pacific/Auckland")
    client.force_login(operator)

    client.post(PATH, filled(three[:2], last_day="2099-12-31", confirm="1"))

    given = Grant.objects.filter(reason="Spring")
    ends = {str(grant.account.team): str(grant.expires_at) for grant in given}
    assert ends["Team A"] == "2099-12-31 10:59:59+00:00"
    assert ends["Team B"] == "2099-12-31 23:59:59+00:00"


@pytest.mark.parametrize("teams", ["", "x", "1,2", "2f9c4d46-c8e8-4590-bd89-718bb82fa3c5,"])
def test_nonsense_for_teams_leads_back_to_the_list(teams, client, operator):
    client.force_login(operator)

    answer = client.post(PATH, {**filled([]), "teams": teams, "confirm": "1"})

    assert answer["Location"] == LIST
    assert not Grant.objects.exists()


def test_the_action_needs_the_permission_to_grant(client, three):
    client.force_login(make_operator("staff@example.com", "adjust_credits"))
    assert "grant_to_many" not in client.get(LIST).content.decode()

    assert client.post(PATH, filled(three, confirm="1")).status_code == 403

    assert [available(team) for team in three] == [10, 0, 5]
