"""The shell around every page reads little, and only what it shows."""

from typing import Any

import pytest
from django.test import RequestFactory
from django.urls import resolve

from config.context_processors import Shell, shell
from generation.figures import COUNT_CAP
from teams.models import Membership


@pytest.fixture
def request_in_team(team, alice):
    """A request that passed the team's gate."""
    request: Any = RequestFactory().get(f"/t/{team.slug}/products/")
    request.user = alice
    request.team = team
    request.membership = Membership.objects.select_related("team").get(team=team, user=alice)
    request.resolver_match = resolve(request.path)
    return request


def test_costs_no_query_until_something_is_shown(request_in_team, django_assert_num_queries):
    with django_assert_num_queries(0):
        facts = shell(request_in_team)["shell"]
        assert facts.section == "products"
        assert facts.rights["launch"] is True
        assert str(facts.team) == "Atelier"


def test_costs_the_same_few_queries_however_much_there_is(
    request_in_team, django_assert_num_queries
):
    facts = Shell(request_in_team)
    with django_assert_num_queries(5):  # The gate read the account together with the team.
        for _ in range(3):
            shown = (
                facts.figures.available,
                facts.figures.running,
                facts.figures.to_review,
                [team.slug for team in facts.teams],
                facts.worker_alive,
            )
    assert shown == (0, 0, 0, ["atelier"], False)


def test_counts_stop_at_their_cap(request_in_team, django_assert_num_queries):
    with django_assert_num_queries(3) as captured:
        assert Shell(request_in_team).figures.running == 0
    assert all(f"LIMIT {COUNT_CAP}" in query["sql"] for query in captured.captured_queries)


def test_is_empty_for_people_who_are_not_signed_in(rf):
    facts = Shell(rf.get("/accounts/login/"))

    assert facts.team is None
    assert facts.teams == []
    assert (str(facts.figures), facts.section) == ("0-0-0-0", "")
    assert not any(facts.rights.values())


def test_a_reviewer_sees_only_a_reviewers_rights(request_in_team, bob):
    request_in_team.membership = Membership.objects.get(user=bob)

    rights = Shell(request_in_team).rights

    assert [name for name, given in rights.items() if given] == ["view", "review"]


def test_home_leads_to_the_first_team_or_says_that_there_is_none(client, team, alice, charlie):
    client.force_login(alice)
    assert client.get("/")["Location"] == "/t/atelier/products/"

    client.force_login(charlie)
    response = client.get("/")
    assert response.status_code == 200
    assert "You are in no team yet" in response.content.decode()
