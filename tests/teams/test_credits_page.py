"""The credits page: exact figures, the chart, the ledger page by page."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import transaction

from teams.credits import grant, hold, settle
from teams.models import Team
from teams.spending import draw_days

PAGE = "/t/atelier/credits/"


def spend(team: Team, amount: int, job: str = "", held: int | None = None) -> str:
    job = job or str(uuid.uuid4())
    with transaction.atomic():
        hold(
            team=team,
            member=None,
            amount=held or amount,
            job=job,
            actor="alice@x",
            price_version="1",
        )
        settle(
            team=team, held=held or amount, captured=amount, job=job, actor="engine",
            price_version="1",
        )  # fmt: skip
    return job


@pytest.fixture
def history(team: Team) -> Team:
    """200 granted in May; 6 spent in May, 2 in June on two days, 8 held."""
    for moment, amount in (((2026, 5, 20), 6), ((2026, 6, 2), 4), ((2026, 6, 10), 2)):
        with time_machine.travel(datetime(*moment, 12, tzinfo=UTC), tick=False):
            if amount == 6:
                grant(team=team, amount=200, actor="operator", reason="Invoice 7", key="x")
            spend(team, amount, held=8)
    with time_machine.travel(datetime(2026, 6, 10, 13, tzinfo=UTC), tick=False):
        hold(
            team=team,
            member=None,
            amount=8,
            job=str(uuid.uuid4()),
            actor="alice@x",
            price_version="1",
        )
    return team


def text_of(page: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.decode()).split())


@time_machine.travel(datetime(2026, 6, 15, 12, tzinfo=UTC), tick=False)
def test_says_what_the_team_has_holds_and_spent(client, alice, history):
    client.force_login(alice)

    text = text_of(client.get(PAGE).content)

    assert "Available 180 credits" in text
    assert "Held by unfinished jobs 8 credits" in text
    assert "Spent this month 6 credits" in text
    assert "12 credits in all, at most 6 on one day." in text
    assert "10 Jun 2026 2 credits 2 Jun 2026 4 credits 20 May 2026 6 credits" in text


@time_machine.travel(datetime(2026, 6, 15, 12, tzinfo=UTC), tick=False)
def test_lists_every_movement_newest_first(client, alice, history):
    client.force_login(alice)

    page = client.get(PAGE)

    entries = page.context["entries"]
    assert [entry.seq for entry in entries] == [8, 7, 6, 5, 4, 3, 2, 1]
    text = text_of(page.content)
    assert "Settled" in text
    assert "Invoice 7 operator +200 \N{EN DASH} 200" in text
    assert re.search("Diptych \N{MINUS SIGN}2 \N{MINUS SIGN}8 188", text)
    job = entries[0].job
    assert f'href="/t/atelier/jobs/{job}/"' in page.content.decode()
    assert " style=" not in page.content.decode()


def test_names_members_and_the_product_instead_of_addresses(client, alice, charlie, team):
    alice.name = "Alice Archer"
    alice.save()
    for number, actor in enumerate((alice.email, charlie.email, "engine", "setup")):
        grant(team=team, amount=10, actor=actor, reason="", key=str(number))
    client.force_login(alice)

    page = client.get(PAGE).content.decode()

    rows = re.findall(r'<td class="wide-only">(.*?)</td>', page)
    assert rows == ["Diptych", "Diptych", charlie.email, "Alice Archer"]


def test_the_axis_stands_beside_the_drawing_as_text(client, alice, history):
    client.force_login(alice)
    with time_machine.travel(datetime(2026, 6, 15, 12, tzinfo=UTC), tick=False):
        page = client.get(PAGE).content.decode()

    assert "<text" not in page
    assert 'aria-hidden="true">6 credits</p>' in page
    assert "<span>17 May</span><span>1 Jun</span><span>15 Jun</span>" in page


def test_filters_by_kind(client, alice, history):
    client.force_login(alice)

    grants = client.get(PAGE, {"kind": "grant"}).context["entries"]
    nothing = client.get(PAGE, {"kind": "refund"})
    nonsense = client.get(PAGE, {"kind": "nonsense"}).context["entries"]

    assert [entry.seq for entry in grants] == [1]
    assert "Nothing matches" in nothing.content.decode()
    assert len(nonsense) == 8


def test_pages_by_key_without_gap_or_double(client, alice, team, django_assert_max_num_queries):
    client.force_login(alice)
    grant(team=team, amount=1000, actor="operator", reason="", key="x")
    for _ in range(60):
        spend(team, 1)
    seen, query, pages = [], "", 0
    while True:
        with django_assert_max_num_queries(12):
            page = client.get(PAGE + query)
        pages += 1
        seen += [entry.seq for entry in page.context["entries"]]
        older = re.search(r'href="(\?before=\d+)"', page.content.decode())
        if not older:
            break
        query = older[1]

    assert pages == 3
    assert seen == list(range(121, 0, -1))


@pytest.mark.parametrize("before", ["x", "-1", "9" * 30, "²", ""])
def test_a_nonsense_place_shows_the_newest(before, client, alice, history):
    client.force_login(alice)

    assert len(client.get(PAGE, {"before": before}).context["entries"]) == 8


def test_a_team_without_credits_is_told_whom_to_ask(client, alice, team):
    client.force_login(alice)

    text = text_of(client.get(PAGE).content)

    assert "No credits yet" in text
    assert "Ask the operator of this installation" in text


def test_members_of_every_role_see_it_and_strangers_do_not(client, history, bob, charlie):
    assert client.get(PAGE).status_code == 302
    client.force_login(bob)
    assert client.get(PAGE).status_code == 200
    client.force_login(charlie)
    assert client.get(PAGE).status_code == 404
    assert client.get("/t/nowhere/credits/").status_code == 404


@time_machine.travel(datetime(2026, 6, 15, 12, tzinfo=UTC), tick=False)
def test_days_are_those_of_the_persons_zone(client, alice, team):
    grant(team=team, amount=10, actor="operator", reason="", key="x")
    with time_machine.travel(datetime(2026, 6, 9, 23, 30, tzinfo=UTC), tick=False):
        spend(team, 3)
    client.force_login(alice)
    assert client.get(PAGE).context["chart"].busy[0].day == date(2026, 6, 9)

    Team.objects.update(time_zone="Europe/Zurich")
    assert client.get(PAGE).context["chart"].busy[0].day == date(2026, 6, 10)

    alice.time_zone = "America/New_York"
    alice.save()
    assert client.get(PAGE).context["chart"].busy[0].day == date(2026, 6, 9)

    alice.time_zone = "Mars/Olympus"
    alice.save()
    assert client.get(PAGE).context["chart"].busy[0].day == date(2026, 6, 10)


def test_bars_stand_on_the_line_and_show_every_day_that_cost_something():
    chart = draw_days(
        {date(2026, 6, 2): 1, date(2026, 6, 3): 1000}, until=date(2026, 6, 3), days=30
    )

    assert len(chart.bars) == 30
    assert chart.bars[0].day == date(2026, 5, 5)
    small, large = chart.bars[-2:]
    assert (small.height, large.height) == (2, 96)
    assert small.y + small.height == large.y + large.height == chart.height
    assert large.x + large.width <= chart.width
    assert (chart.top, chart.total) == (1000, 1001)
