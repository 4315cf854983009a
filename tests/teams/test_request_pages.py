"""The requests page: who may do what, what is counted, and what it costs."""

from __future__ import annotations

import uuid

import pytest
from django.test import Client
from django.utils.formats import date_format
from django.utils.timezone import localtime, now

from teams import requests
from teams.budget_changes import set_budget
from teams.models import (
    Membership,
    Role,
    User,
)
from teams.requests import Addressee, decline
from teams.services import create_team
from tests.teams.test_requests import PAGE, ask


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", ""),
        ("post", "new"),
        ("post", "{request}/decide"),
        ("post", "{request}/withdraw"),
    ],
)
def test_the_pages_are_closed_to_strangers_and_to_those_without_money(
    method, path, client, team, mia, bob, charlie
):
    asked = ask(team, mia)
    url = PAGE + path.format(request=asked.pk)
    for person, status in ((bob, 403), (charlie, 404)):
        client.force_login(person)
        assert getattr(client, method)(url).status_code == status
    client.logout()
    assert getattr(client, method)(url).status_code == 302
    asked.refresh_from_db()
    assert asked.state == "open"


def test_a_creator_decides_nothing_and_sees_only_their_own(client, team, mia, alice):
    kai = User.objects.create_user("kai@example.com", name="Kai Keller")
    Membership.objects.create(team=team, user=kai, role=Role.CREATOR)
    asked = ask(team, kai)
    client.force_login(mia)

    assert client.post(f"{PAGE}{asked.pk}/decide").status_code == 403
    assert client.post(f"{PAGE}{asked.pk}/withdraw").status_code == 404
    assert "spring catalogue" not in client.get(PAGE).content.decode()


def test_a_request_of_another_team_is_not_found(client, team, alice, charlie):
    other = create_team(name="Other", owner=charlie)
    asked = ask(other, charlie)
    client.force_login(alice)

    assert client.post(f"{PAGE}{asked.pk}/decide").status_code == 404
    assert client.post(f"{PAGE}{uuid.uuid4()}/decide").status_code == 404


def test_open_requests_are_counted_where_admins_look(client, team, mia, alice):
    ask(team, mia)
    ask(team, alice, addressee=Addressee.OPERATOR)  # Waits for somebody else.

    counted = '<span class="count count--accent">1<span class="visually-hidden"> open</span></span>'
    client.force_login(alice)
    assert counted in client.get("/t/atelier/credits/budgets/").content.decode()
    client.force_login(mia)
    assert counted not in client.get("/t/atelier/credits/budgets/").content.decode()


def test_the_page_costs_the_same_however_many_ask(
    client: Client, team, mia, alice, django_assert_max_num_queries
):
    set_budget(team=team, member=None, limit=100, by=alice, at=now())
    for number in range(6):
        person = User.objects.create_user(f"p{number}@example.com", name=f"Person {number}")
        Membership.objects.create(team=team, user=person, role=Role.CREATOR)
        set_budget(team=team, member=person, limit=10, by=alice, at=now())
        asked = ask(team, person)
        if number % 2:
            requests.decline(request=asked, by=alice)
    client.force_login(alice)

    with django_assert_max_num_queries(17):
        page = client.get(PAGE)
    assert len(page.context["cases"]) == 3


def test_who_comes_late_reads_who_decided_and_when_and_no_operators_address(
    client, team, mia, alice
):
    olga = User.objects.create_user("olga@example.com", is_staff=True)
    asked, to_operator = ask(team, mia), ask(team, alice, addressee=Addressee.OPERATOR)
    decline(request=asked, by=alice, note="Later")
    decline(request=to_operator, by=olga)
    when = date_format(localtime(asked.decided_at), "DATETIME_FORMAT")
    client.force_login(alice)

    # Without an amount: the form's own words would say nothing of what was decided.
    client.post(f"{PAGE}{asked.pk}/decide", {"decision": "approve"})
    client.post(f"{PAGE}{to_operator.pk}/withdraw")
    page = client.get(PAGE)

    assert [str(message) for message in page.context["messages"]] == [
        f"Alice Archer declined this request on {when}.",
        "The operator has decided this request in the meantime.",
    ]
    assert "olga@example.com" not in page.content.decode()
    asked.refresh_from_db()
    assert (asked.state, asked.note) == ("declined", "Later")
