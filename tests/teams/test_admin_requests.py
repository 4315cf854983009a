"""What waits for an operator: requests of teams, on the index and decided in two steps."""

from __future__ import annotations

import pytest
from django.utils.formats import date_format
from django.utils.timezone import localtime

from teams.models import CreditRequest, Grant, LedgerCheck, OutgoingMail, PendingAdjustment, User
from teams.requests import ask
from tests.teams.operator_pages import (
    PASSWORD,
    audited,
    available,
    give,
    key,
    make_operator,
    moved,
    told,
)


@pytest.fixture
def operator(db) -> User:
    return User.objects.create_superuser("operator@example.com", PASSWORD)


@pytest.fixture
def asked(team, alice) -> CreditRequest:
    give(team, 200)
    return ask(team=team, by=alice, addressee="operator", amount=80, reason="Autumn")


def at(asked: CreditRequest, name: str) -> str:
    return f"/admin/teams/creditrequest/{asked.pk}/{name}/"


def test_a_request_becomes_a_grant_once(client, operator, asked, team, alice):
    OutgoingMail.objects.all().delete()
    client.force_login(operator)
    page = client.get(at(asked, "change")).content.decode()
    assert at(asked, "approve") in page
    form = client.get(at(asked, "approve"))
    assert form.context["form"]["amount"].value() == 80
    assert "Autumn" in form.content.decode()
    sent = {
        "amount": "60",
        "kind": "promotional",
        "reference": "T-1",
        "note": "For now",
        "key": key(),
    }

    preview = client.post(at(asked, "approve"), sent).content.decode()
    assert "200 &rarr; 260 credits" in preview
    assert "60 credits, with the reason “Autumn”." in preview
    for _ in range(2):
        client.post(at(asked, "approve"), {**sent, "confirm": "1"})
    for name in ("approve", "decline"):
        assert client.get(at(asked, name))["Location"] == at(asked, "change")

    asked.refresh_from_db()
    assert (asked.state, asked.approved_amount, asked.note) == ("approved", 60, "For now")
    given = Grant.objects.get(reason="Autumn")
    assert (given.amount, given.kind, given.reference) == (60, "promotional", "T-1")
    assert available(team) == 260
    when = date_format(localtime(asked.decided_at), "DATETIME_FORMAT")
    assert told(client, at(asked, "change")) == [
        "60 credits granted to Atelier. They get a mail.",
        *[f"operator@example.com approved this request on {when}."] * 3,
    ]
    assert OutgoingMail.objects.get().recipients == [alice.email]
    assert at(asked, "approve") not in client.get(at(asked, "change")).content.decode()


def test_a_request_is_declined_with_a_note(client, operator, asked, team):
    client.force_login(operator)

    client.post(at(asked, "decline"), {"note": "Pay first"})
    client.post(at(asked, "approve"), {"amount": "5", "kind": "paid", "key": key(), "confirm": "1"})

    asked.refresh_from_db()
    assert (asked.state, asked.note, asked.decided_by) == ("declined", "Pay first", operator.email)
    assert (available(team), moved()) == (200, [("grant", 200)])


def test_requests_to_a_teams_admins_are_theirs(client, operator, team, bob):
    request = ask(team=team, by=bob, addressee="admins", amount=5, reason="x")
    client.force_login(operator)

    assert at(request, "approve") not in client.get(at(request, "change")).content.decode()
    assert client.post(at(request, "approve"), {}).status_code == 404
    assert client.post(at(request, "decline"), {"note": "x"}).status_code == 404

    request.refresh_from_db()
    assert request.state == "open"


def test_deciding_needs_the_permission_to_grant(client, asked, team):
    client.force_login(make_operator("s@example.com", "view_creditrequest", "adjust_credits"))

    assert at(asked, "approve") not in client.get(at(asked, "change")).content.decode()
    for name in ("approve", "decline"):
        assert client.post(at(asked, name), {"note": "x"}).status_code == 403

    asked.refresh_from_db()
    assert (asked.state, audited()) == ("open", [])


def test_the_index_counts_what_waits(client, operator, asked, team, bob):
    ask(team=team, by=bob, addressee="admins", amount=5, reason="x")
    for person in ("olga@example.com", "operator@example.com"):
        PendingAdjustment.objects.create(team=team, amount=5, reason="x", asked_by=person)
    client.force_login(operator)

    page = client.get("/admin/").content.decode()

    assert "Requests for credits: <strong>1</strong>" in page
    assert "Adjustments that need a second operator: <strong>1</strong>" in page
    link = "/admin/teams/creditrequest/?addressee__exact=operator&amp;state__exact=open"
    assert link in page
    queue = client.get(link.replace("&amp;", "&"))
    assert list(queue.context["cl"].result_list) == [asked]


def test_the_index_keeps_to_what_the_operator_may_do(client, asked, team):
    LedgerCheck.objects.create(seconds=1, entries=5, differences=[])
    client.force_login(make_operator("s@example.com"))

    page = client.get("/admin/").content.decode()

    assert "Requests for credits:" not in page
    assert "Adjustments that need" not in page
    assert "Ledger checked" not in page


def test_the_index_says_whether_the_ledger_adds_up(client, operator):
    client.force_login(operator)
    assert "Ledger checked" not in client.get("/admin/").content.decode()

    check = LedgerCheck.objects.create(seconds=1.26, entries=1234, differences=[])
    page = client.get("/admin/").content.decode()
    assert "1,234 entries</a>, adds up" in page
    assert 'class="desk-check" data-tone="good"' in page
    link = f"/admin/teams/ledgercheck/{check.pk}/change/"
    assert link in page
    assert "1.3" in client.get(link).content.decode()

    LedgerCheck.objects.create(seconds=1, entries=1240, differences=["a: entry 5 is missing.", "b"])
    page = client.get("/admin/").content.decode()
    assert "<strong>2 differences</strong>: a: entry 5 is missing." in page
    assert 'data-tone="bad"' in page
    listed = client.get("/admin/teams/ledgercheck/").content.decode()
    assert listed.count('class="field-read"') == 2
