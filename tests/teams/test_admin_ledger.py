"""The ledger and the audit trail in the admin: filters, pages by number, the download."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext

from teams.admin.keyset import KeysetAdmin
from teams.audit import record
from teams.models import AuditEntry, LedgerEntry, Team, User
from tests.factories import make_team
from tests.teams.operator_pages import PASSWORD, give, make_operator, spend

LEDGER = "/admin/teams/ledgerentry/"
AUDIT = "/admin/teams/auditentry/"
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)


@pytest.fixture
def operator(client, db) -> User:
    operator = User.objects.create_superuser("operator@example.com", PASSWORD)
    client.force_login(operator)
    return operator


@pytest.fixture
def two(db) -> list[Team]:
    """Team A on four days, team B on the last of them."""
    with time_machine.travel(NOON, tick=False) as clock:
        a, b = make_team("A", credits_=0), make_team("B", credits_=0)
        for day in range(4):
            clock.move_to(NOON + timedelta(days=day))
            give(a, 10 + day)
        spend(a, 4, "0a1b2c3d-0000-4000-8000-000000000001", captured=2)
        give(b, 99)
    Team.objects.filter(pk=a.pk).update(slug="a")
    Team.objects.filter(pk=b.pk).update(slug="b")
    return [a, b]


def shown(client, query: str) -> list[tuple[str, int, int]]:
    """Team, credits and held of the entries on a page."""
    rows = client.get(LEDGER + query).context["cl"].result_list
    return [(entry.account.team.slug, entry.d_posted, entry.d_held) for entry in rows]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", [99, -2, 0, 13, 12, 11, 10]),
        ("?kind=grant", [99, 13, 12, 11, 10]),
        ("?team=a", [-2, 0, 13, 12, 11, 10]),
        ("?team=a&kind=settle", [-2]),
        ("?team=b&since=2026-06-14", []),
        ("?actor=engine", [-2]),
        ("?job=0a1b2c3d", [-2, 0]),
        ("?key=settle:0a1b2c3d-0000-4000-8000-000000000001", [-2]),
        ("?since=2026-06-11&until=2026-06-12", [12, 11]),
        ("?team=a&since=2026-06-11&until=2026-06-12", [12, 11]),
        ("?until=2026-06-10", [10]),
        ("?since=2026-06-14", []),
        ("?until=2026-06-09", []),
    ],
)
def test_finds_entries(query, expected, client, operator, two):
    assert [moved for _team, moved, _held in shown(client, query)] == expected


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("?team=nobody", "No team has this address."),
        ("?job=xyz", "Give the job&#x27;s id, or its first eight letters."),
        ("?since=2026-06-12&until=2026-06-11", "This day is before the first one."),
        ("?since=soon", "Enter a valid date."),
        ("?until=9999-12-31", "Give a day between the years 2000 and 2999."),
        ("?since=0001-01-01", "Give a day between the years 2000 and 2999."),
    ],
)
def test_says_what_is_wrong_with_a_filter(query, words, client, operator, two):
    page = client.get(LEDGER + query).content.decode()

    assert words in page
    assert shown(client, query) == []
    assert client.get(f"{LEDGER}export/{query}")["Location"].startswith(LEDGER)


@pytest.mark.parametrize("query", ["", "?team=a", "?kind=grant"])
def test_pages_through_by_number(query, client, operator, two, monkeypatch):
    everything = shown(client, query)
    monkeypatch.setattr(KeysetAdmin, "list_per_page", 2)
    found, path, pages = [], query, 0
    while path is not None:
        page = client.get(LEDGER + path)
        found += shown(client, path)
        pages += 1
        older = re.search(r'href="(\?[^"]+)">Older', page.content.decode())
        path = older[1].replace("&amp;", "&") if older else None

    assert found == everything
    assert pages == -(-len(everything) // 2)
    assert "Nothing older." in page.content.decode()
    assert ">Newest</a>" in page.content.decode()


def test_a_page_costs_the_same_however_many_entries_there_are(client, operator, two):
    def asked(query: str) -> list[str]:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            client.get(LEDGER + query)
        return [query["sql"] for query in queries]

    few = asked("?team=a")
    for _ in range(30):
        give(two[0], 5)
    many = asked("?team=a")

    assert len(many) == len(few) <= 7
    assert not [sql for sql in many if "COUNT(" in sql and "ledgerentry" in sql]
    # A span is found by halving: as many looks as the number of entries has binary digits.
    assert len(asked("?since=2026-06-11")) <= len(many) + 8


def test_the_download_holds_what_the_filters_ask_for(client, operator, two, monkeypatch):
    monkeypatch.setattr("teams.admin.ledger._CHUNK", 2)

    answer = client.get(f"{LEDGER}export/?team=a")

    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    assert re.fullmatch(r'attachment; filename="ledger-[\d-]+\.csv"', answer["Content-Disposition"])
    text = answer.getvalue().decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["credits"] for row in rows] == ["-2", "0", "13", "12", "11", "10"]
    assert {row["team"] for row in rows} == {"a"}
    assert (rows[0]["kind"], rows[0]["held"], rows[0]["available_after"]) == ("settle", "-4", "44")
    assert rows[0]["job"] == "0a1b2c3d-0000-4000-8000-000000000001"
    assert rows[-1]["time"] == "2026-06-10T12:00:00+00:00"
    every = client.get(f"{LEDGER}export/").getvalue().decode("utf-8-sig")
    assert len(every.splitlines()) == 1 + LedgerEntry.objects.count()


def test_a_formula_in_a_reason_is_text_in_the_download(client, operator, two):
    from teams.credits import grant

    grant(team=two[1], amount=1, actor="x", reason="=HYPERLINK(1)", key="f")

    text = client.get(f"{LEDGER}export/?team=b").getvalue().decode("utf-8-sig")

    assert next(csv.DictReader(io.StringIO(text)))["reason"] == "'=HYPERLINK(1)"


def test_looking_at_the_ledger_needs_its_permission(client, two):
    client.force_login(make_operator("staff@example.com"))
    assert client.get(LEDGER).status_code == 403
    assert client.get(f"{LEDGER}export/").status_code == 403
    client.force_login(make_operator("reader@example.com", "view_ledgerentry"))
    assert client.get(LEDGER).status_code == 200
    assert client.get(f"{LEDGER}export/").status_code == 200


def test_the_audit_trail_is_found_by_team_actor_action_address_and_day(client, operator, team):
    AuditEntry.objects.all().delete()
    record(team=team, actor="mia@example.com", action="credits.granted", subject="One", credits=5)
    record(team=None, actor="olga@example.com", action="key.written", subject="Two")
    AuditEntry.objects.filter(subject="Two").update(address="192.0.2.7", at=NOON)

    def subjects(query: str) -> list[str]:
        rows = client.get(AUDIT + query).context["cl"].result_list
        return [entry.subject for entry in rows]

    assert subjects("") == ["Two", "One"]
    for query, expected in {
        "?team=atelier": ["One"],
        "?actor=olga": ["Two"],
        "?action=credits.": ["One"],
        "?subject=tw": ["Two"],
        "?address=192.0.2.7": ["Two"],
        "?address=192.0.2.8": [],
    }.items():
        assert subjects(query) == expected, query
    page = client.get(AUDIT).content.decode()
    assert "credits: 5" in page
    assert 'Credits granted <span class="quiet">credits.granted</span>' in page
    assert '<td class="field-address">192.0.2.7</td>' in page
