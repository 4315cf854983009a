"""The audit trail knows where a request came from, and a team reads its own."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils.timezone import now

from teams.audit import record
from teams.models import AuditEntry, Team, User
from tests.factories import make_team

pytestmark = pytest.mark.django_db

AUDIT = "/t/atelier/audit/"
SETTINGS = "/t/atelier/settings/"


@pytest.fixture
def owner(client: Client, alice: User, team: Team) -> Client:
    """Alice's browser."""
    client.force_login(alice)
    return client


def rename(client: Client, **headers: Any) -> AuditEntry:
    """Rename the team by a request; returns what the trail says of it."""
    number = AuditEntry.objects.count()
    data = {"name": f"Atelier {number}", "time_zone": "UTC"}
    assert client.post(SETTINGS, data, **headers).status_code == 302
    return AuditEntry.objects.filter(action="team.changed")[0]


@pytest.mark.parametrize(
    ("_case", "proxies", "headers", "address"),
    [
        ("straight", 0, {"REMOTE_ADDR": "203.0.113.7"}, "203.0.113.7"),
        ("IPv6", 0, {"REMOTE_ADDR": "2001:db8::7"}, "2001:db8::7"),
        (
            "made up, no proxy is believed",
            0,
            {"REMOTE_ADDR": "203.0.113.7", "HTTP_X_FORWARDED_FOR": "198.51.100.1"},
            "203.0.113.7",
        ),
        (
            "one proxy",
            1,
            {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "198.51.100.1, 203.0.113.7"},
            "203.0.113.7",
        ),
        (
            "two proxies",
            2,
            {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7, 10.0.0.2"},
            "203.0.113.7",
        ),
        (
            "fewer proxies than named",
            2,
            {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "203.0.113.7"},
            None,
        ),
        ("a socket file", 0, {"REMOTE_ADDR": ""}, None),
        ("nonsense", 1, {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "<b>x</b>"}, None),
    ],
)
def test_an_entry_has_the_address_of_its_request(_case, proxies, headers, address, owner, settings):
    settings.ALLAUTH_TRUSTED_PROXY_COUNT = proxies

    assert rename(owner, **headers).address == address


def test_what_no_request_did_has_no_address(owner, team):
    assert rename(owner, REMOTE_ADDR="203.0.113.7").address == "203.0.113.7"

    record(team=team, actor="engine", action="team.changed")
    call_command("create_team", "--name=Nord", "--owner-email=x@example.com")

    assert AuditEntry.objects.filter(team=team)[0].address is None, "the request is forgotten"
    assert {entry.address for entry in AuditEntry.objects.filter(team__slug="nord")} == {None}


def rows_on(page: str) -> list[str]:
    """What each row says was done, and about what."""
    return [
        " ".join(re.sub("<[^>]+>", " ", row).split())
        for row in re.findall(r'<th scope="row".*?</td>', page, re.DOTALL)
    ]


def test_owners_and_admins_read_what_was_done_and_from_where(owner, team, bob):
    owner.post("/t/atelier/members/invite", {"email": "mia@example.com", "role": "viewer"})
    record(team=team, actor="olga@example.com", action="budget.set", subject="Bob", limit=50)
    AuditEntry.objects.filter(action="budget.set").update(address="198.51.100.9")
    record(team=make_team("Other"), actor="x", action="team.changed", subject="Elsewhere")

    page = owner.get(AUDIT).content.decode()

    assert rows_on(page) == [
        "Budget set Bob credits a month: 50",
        "Invited mia@example.com role: Viewer",
        "Team founded Atelier owner: alice@example.com",
    ]
    assert "127.0.0.1" in page
    assert "198.51.100.9" not in page, "where operators sit is not the team's business"
    other = Client()
    other.force_login(bob)
    assert other.get(AUDIT).status_code == 403


def test_details_are_words_and_ids_and_operators_addresses_are_left_out(owner, team):
    record(
        team=team, actor="a", action="budget.changed", subject="Bob",
        limit=1500, warn_at=80, is_hard=True, former_is_hard=False,
    )  # fmt: skip
    record(
        team=team, actor="a", action="request.approved", subject="bob@example.com",
        request="d9f7b3b4-0000", amount=5, extra_of_member=10, extra_of_team=0,
    )  # fmt: skip
    record(
        team=team, actor="olga@example.com", action="credits.adjusted", subject="Slip",
        credits=-5, kind="paid", grant=7, job="0a1b", asked_by="otto@example.com",
    )  # fmt: skip

    page = owner.get(AUDIT).content.decode()

    assert rows_on(page)[:3] == [
        "Balance adjusted Slip credits: \N{MINUS SIGN}5 kind: Paid",
        "Request for credits approved bob@example.com amount: 5 more this month for the member: 10",
        "Budget changed Bob credits a month: 1,500 warns at: 80 % at the limit: no further jobs "
        "before at the limit: only a warning",
    ]
    assert "The operator" in page
    assert "olga@example.com" not in page


def test_the_trail_is_searched_by_thing_and_person(owner, team):
    record(team=team, actor="mia@example.com", action="member.removed", subject="tom@example.com")
    record(team=team, actor="tom@example.com", action="credits.granted", subject="Invoice")

    def found(query: str) -> list[str]:
        return rows_on(owner.get(f"{AUDIT}?{query}").content.decode())

    assert found("about=member") == ["Member removed tom@example.com"]
    assert found("q=TOM") == ["Credits granted Invoice", "Member removed tom@example.com"]
    assert found("about=credits&q=mia") == []
    assert "Nothing matches" in owner.get(f"{AUDIT}?about=credits&q=mia").content.decode()
    assert len(found("about=nonsense")) == 3


def test_long_trails_come_in_pages_without_gaps_or_doubles(
    owner, team, django_assert_max_num_queries
):
    AuditEntry.objects.all().delete()
    at = now()
    for number in range(130):
        record(team=team, actor="x", action="team.changed", subject=f"n{number}")
    # Many of the same moment: the number decides.
    for entry in AuditEntry.objects.all():
        minutes = int(entry.subject[1:]) // 40
        AuditEntry.objects.filter(pk=entry.pk).update(at=at + timedelta(minutes=minutes))
    seen: list[str] = []
    query = ""
    for _page in range(4):
        with django_assert_max_num_queries(20):
            answer = owner.get(f"{AUDIT}?{query}")
        seen += [entry.subject for entry in answer.context["entries"]]
        query = f"before={answer.context['older']}"
        if not answer.context["older"]:
            break

    assert seen == [f"n{number}" for number in reversed(range(130))]


def test_an_action_without_words_reads_as_it_is_written(owner, team):
    record(team=team, actor="x", action="thing.turned_round", subject="S", number=3, empty="")

    assert rows_on(owner.get(AUDIT).content.decode())[0] == "Thing: turned round S number: 3"


def test_nonsense_as_a_page_shows_the_newest(owner):
    for before in ("x", "1", "-", "1-", "99999999999999999-1", "²-1", "1-%00"):
        assert len(owner.get(f"{AUDIT}?before={before}").context["entries"]) in (0, 1)
        assert owner.get(f"{AUDIT}?before={before}").status_code == 200
