"""The ledger's page and its file: filters, pages by key, plain words, and figures that agree."""

from __future__ import annotations

import csv
import io
import re
import uuid
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import transaction

from generation.ledger_list import LedgerFilters, ledger_page, rows_of
from generation.views import ledger
from teams.credits import adjust, grant, hold, refund, settle
from teams.grants import expire_now
from teams.models import Grant, LedgerEntry, Role, Team, User
from tests.factories import add_member, make_team, make_user

PAGE = "/t/atelier/credits/ledger/"
FILE = "/t/atelier/credits/ledger.csv"
NOON = datetime(2026, 6, 15, 12, tzinfo=UTC)


def start(team: Team, held: int, *, job: str = "", actor: str = "alice@example.com") -> str:
    job = job or str(uuid.uuid4())
    with transaction.atomic():
        hold(team=team, member=None, amount=held, job=job, actor=actor, price_version="2026-11")
    return job


def end(team: Team, job: str, held: int, captured: int) -> None:
    with transaction.atomic():
        settle(
            team=team, held=held, captured=captured, job=job, actor="engine",
            price_version="2026-11",
        )  # fmt: skip


@pytest.fixture
def books(team: Team) -> dict[str, str]:
    """Every kind of entry, one a day from 1 June 2026 on; the jobs by name."""
    jobs = {}

    def on(day: int) -> time_machine.travel:
        return time_machine.travel(datetime(2026, 6, day, 12, tzinfo=UTC), tick=False)

    with on(1):  # 1
        paid = grant(
            team=team, amount=100, actor="olga@example.com", reason="Invoice 7", key="a",
            reference="INV-7", expires_at=datetime(2026, 12, 12, tzinfo=UTC),
        )  # fmt: skip
        paid.refresh_from_db()
    with on(2):  # 2
        jobs["all"] = start(team, 8)
    with on(3):  # 3
        end(team, jobs["all"], 8, 8)
    with on(4):  # 4, 5
        jobs["some"] = start(team, 8, actor="mia@example.com")
        end(team, jobs["some"], 8, 2)
    with on(5):  # 6, 7
        jobs["none"] = start(team, 4)
        end(team, jobs["none"], 4, 0)
    with on(6), transaction.atomic():  # 8
        refund(
            team=team, amount=1, job=jobs["some"], key="r", actor="olga@example.com",
            reason="Six fingers",
        )  # fmt: skip
    with on(7), transaction.atomic():  # 9
        adjust(team=team, amount=-3, actor="olga@example.com", reason="=1+1", key="adj")
    with on(8):  # 10
        expire_now(grant=paid, actor="olga@example.com", reason="Contract over")
    return jobs


def text_of(page: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.decode()).split())


def numbers(client, **query) -> list[int]:
    page = client.get(PAGE, query)
    assert page.status_code == 200
    return [row.entry.seq for row in page.context["rows"]]


def file_of(client, **query) -> list[list[str]]:
    answer = client.get(FILE, query)
    assert answer.status_code == 200
    text = b"".join(answer.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


# --- In words ---------------------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
def test_says_in_words_what_each_entry_is(client, alice, team, books):
    client.force_login(alice)

    rows = client.get(PAGE).context["rows"]

    assert [(row.entry.seq, row.title, row.details) for row in rows] == [
        (10, "Ended", "Left of 100 granted on 1 Jun 2026 · Contract over · INV-7"),
        (9, "Adjusted", "=1+1"),
        (8, "Credited back", "Six fingers"),
        (7, "Returned", "Nothing was delivered"),
        (6, "Held", ""),
        (5, "Partly spent", "6 of 8 returned"),
        (4, "Held", ""),
        (3, "Spent", ""),
        (2, "Held", ""),
        (1, "Granted", "Paid, until 12 Dec 2026 · Invoice 7 · INV-7"),
    ]


@time_machine.travel(NOON, tick=False)
def test_shows_movement_balance_person_and_job(client, alice, team, books):
    add_member(team, Role.CREATOR, make_user("mia@example.com", name="Mia Ferrari"))
    client.force_login(alice)

    page = client.get(PAGE)
    text, html = text_of(page.content), page.content.decode()

    minus = "\N{MINUS SIGN}"
    job = books["some"]
    assert f"Partly spent Job {job[:8]} 6 of 8 returned Diptych {minus}2 {minus}8 held 90" in text
    assert f"Held Job {job[:8]} Mia Ferrari \N{EN DASH} +8 held 84 available" in text
    assert f'href="/t/atelier/jobs/{job}/"' in html
    assert " style=" not in html
    assert "10 entries. None is ever changed" in text


@time_machine.travel(NOON, tick=False)
def test_operators_have_no_address_in_the_ledger_and_members_keep_their_names(
    client, alice, team, books
):
    User.objects.create_user("tom@example.com", is_staff=True)
    grant(team=team, amount=5, actor="engine", reason="", key="more")
    start(team, 1, actor="tom@example.com")
    client.force_login(alice)
    credits_page = client.get("/t/atelier/credits/").content.decode()
    ledger_page = client.get(PAGE).content.decode()
    by = {line[0]: line[6] for line in file_of(client)[1:]}

    for page in (credits_page, ledger_page):
        assert "The operator" in page
        assert "olga@example.com" not in page
        assert "tom@example.com" not in page
    assert [by[number] for number in ("1", "2", "5", "8", "9", "10", "12")] == [
        "The operator", alice.get_full_name(), "Diptych", *["The operator"] * 4,
    ]  # fmt: skip
    alice.is_staff = True
    alice.save()
    assert {line[0]: line[6] for line in file_of(client)[1:]} == by


def test_a_grant_without_end_and_credits_returned_late_say_so(team):
    with time_machine.travel(NOON - timedelta(days=9), tick=False):
        grant(team=team, amount=5, actor="o", reason="", key="x", kind=Grant.Kind.PROMOTIONAL)
    with time_machine.travel(NOON, tick=False):
        account = team.credit_account
        [row] = rows_of(list(LedgerEntry.objects.filter(account=account)))

    assert row.details == "Promotional, without end"


# --- Filters ----------------------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
def test_filters_by_kind_person_time_and_job_and_by_all_of_them(client, alice, team, books):
    client.force_login(alice)

    assert numbers(client, kind="grant") == [1]
    assert numbers(client, kind="settle") == [7, 5, 3]
    assert numbers(client, kind="expire") == [10]
    assert numbers(client, by="alice@example.com") == [6, 2]
    assert numbers(client, by="engine") == [7, 5, 3]
    assert numbers(client, by="olga@example.com") == [10, 9, 8, 1]
    assert numbers(client, since="2026-06-03", until="2026-06-04") == [5, 4, 3]
    assert numbers(client, since="2026-06-09") == []
    assert numbers(client, until="2026-05-31") == []
    assert numbers(client, job=books["some"]) == [8, 5, 4]
    assert numbers(client, job=f"Job {books['some'][:8].upper()}") == [8, 5, 4]
    assert numbers(client, job=books["some"], kind="hold", by="mia@example.com") == [4]
    assert numbers(client, job=books["some"], by="alice@example.com") == []


@time_machine.travel(NOON, tick=False)
def test_days_are_those_that_the_reader_sees(client, alice, team):
    with time_machine.travel(datetime(2026, 6, 9, 23, 30, tzinfo=UTC), tick=False):
        grant(team=team, amount=5, actor="o", reason="", key="x")
    client.force_login(alice)
    assert numbers(client, since="2026-06-09", until="2026-06-09") == [1]

    Team.objects.update(time_zone="Europe/Zurich")

    assert numbers(client, since="2026-06-09", until="2026-06-09") == []
    assert numbers(client, since="2026-06-10", until="2026-06-10") == [1]


def test_what_no_choice_offers_asks_for_everything(client, alice, books):
    client.force_login(alice)

    assert len(numbers(client, kind="nonsense", by="nobody")) == 10
    assert numbers(client, by="gone@example.com") == []


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "2026-06-31"}, "Enter a valid date."),
        ({"until": "9999-12-31"}, "Give a day between the years 2000 and 2999."),
        ({"since": "0001-01-01"}, "Give a day between the years 2000 and 2999."),
        ({"since": "2026-06-05", "until": "2026-06-04"}, "This day is before the first one."),
        ({"job": "4"}, "or its first eight letters: 0a1b2c3d."),
        ({"job": "zzzzzzzz"}, "or its first eight letters: 0a1b2c3d."),
    ],
)
def test_filters_that_make_no_sense_are_refused_beside_their_field(
    query, sentence, client, alice, books
):
    client.force_login(alice)

    page, file = client.get(PAGE, query), client.get(FILE, query)

    assert page.status_code == file.status_code == 422
    assert sentence in text_of(page.content).replace("&#x27;", "'")
    assert page.context["rows"] == []
    assert file["Content-Type"].startswith("text/plain")


def test_nothing_that_matches_offers_the_way_back(client, alice, team, books):
    client.force_login(alice)

    text = text_of(client.get(PAGE, {"kind": "grant", "by": "engine"}).content)

    assert "Nothing matches" in text
    assert "Show all entries" in text


def test_entries_of_other_teams_are_never_shown(client, alice, team, books):
    other = make_team(credits_=7)
    job = start(other, 3)
    client.force_login(alice)

    assert len(numbers(client)) == 10
    assert numbers(client, job=job) == []
    assert [row for row in file_of(client, job=job)[1:] if row] == []


# --- Pages ------------------------------------------------------------------------------------


def test_pages_by_key_both_ways_without_gap_or_double(client, alice, team, monkeypatch):
    monkeypatch.setattr("generation.views.ledger.ENTRIES_PER_PAGE", 5)
    for number in range(12):
        grant(team=team, amount=1, actor="o", reason="", key=str(number))
    client.force_login(alice)

    first = client.get(PAGE)
    second = client.get(PAGE, {"before": first.context["page"].older})
    third = client.get(PAGE, {"before": second.context["page"].older})
    back = client.get(PAGE, {"after": third.context["page"].newer})
    front = client.get(PAGE, {"after": back.context["page"].newer})

    def seen(page):
        return [row.entry.seq for row in page.context["rows"]]

    assert (seen(first), seen(second), seen(third)) == (
        [12, 11, 10, 9, 8],
        [7, 6, 5, 4, 3],
        [2, 1],
    )
    assert (first.context["page"].newer, third.context["page"].older) == (None, None)
    assert seen(back) == seen(second)
    assert seen(front) == seen(first)
    assert front.context["page"].newer is None
    assert "Newer" in text_of(second.content)


@pytest.mark.parametrize("place", ["x", "-1", "9" * 30, "²", ""])
def test_a_nonsense_place_shows_the_newest(place, client, alice, books):
    client.force_login(alice)

    assert len(numbers(client, before=place)) == 10
    assert len(numbers(client, after=place)) == 10


def test_a_page_keeps_its_filters(client, alice, team, monkeypatch):
    monkeypatch.setattr("generation.views.ledger.ENTRIES_PER_PAGE", 2)
    for number in range(5):
        grant(team=team, amount=1, actor="o", reason="", key=str(number))
        start(team, 1)
    client.force_login(alice)

    page = client.get(PAGE, {"kind": "grant"})

    older = page.context["page"].older
    assert f'href="?kind=grant&amp;before={older}"' in page.content.decode()
    assert numbers(client, kind="grant", before=older) == [5, 3]


def test_a_page_of_entries_needs_the_same_queries_however_many_there_are(
    client, alice, team, books, count_queries
):
    client.force_login(alice)
    few = count_queries(lambda: client.get(PAGE))
    for number in range(60):
        actor = make_user(f"o{number}@example.com").email
        grant(team=team, amount=1, actor=actor, reason="", key=str(number))

    many = count_queries(lambda: client.get(PAGE))

    assert many == few
    assert many <= 17


def test_clocks_that_differ_hide_no_entry(team):
    """Another machine's clock may be seconds behind although its entry came later."""
    with time_machine.travel(NOON, tick=False):
        grant(team=team, amount=1, actor="o", reason="", key="a")
    with time_machine.travel(NOON - timedelta(seconds=40), tick=False):
        grant(team=team, amount=1, actor="o", reason="", key="b")
    with time_machine.travel(NOON + timedelta(days=1), tick=False):
        grant(team=team, amount=1, actor="o", reason="", key="c")

    filters = LedgerFilters({"since": "2026-06-15", "until": "2026-06-15"}, team=team)

    assert [row.entry.seq for row in ledger_page(filters.entries(), size=9).rows] == [2, 1]


# --- The file ---------------------------------------------------------------------------------


@time_machine.travel(NOON, tick=False)
def test_the_file_has_the_figures_of_the_page(client, alice, team, books, monkeypatch):
    monkeypatch.setattr(ledger, "_CHUNK", 3)
    Team.objects.update(time_zone="Europe/Zurich")
    client.force_login(alice)

    for query in ({}, {"kind": "settle"}, {"by": "olga@example.com"}, {"job": books["some"]}):
        heads, *lines = file_of(client, **query)
        rows = client.get(PAGE, query).context["rows"]
        assert heads == [
            "Number", "Time", "Kind", "Entry", "Details", "Job", "By", "Credits", "Held",
            "Posted after", "Held after", "Available after", "Price list",
        ]  # fmt: skip
        assert [
            (int(n), kind, title, job, *map(int, figures))
            for n, _time, kind, title, _details, job, _by, *figures, _version in lines
        ] == [
            (
                row.entry.seq, row.entry.kind, row.title, row.entry.job, row.entry.d_posted,
                row.entry.d_held, row.entry.posted_after, row.entry.held_after,
                row.entry.available_after,
            )
            for row in rows
        ]  # fmt: skip
    assert file_of(client)[1][:3] == ["10", "2026-06-08T14:00:00+02:00", "expire"]


def test_no_text_of_the_file_is_a_formula_and_every_figure_is_a_number(client, alice, team, books):
    grant(team=team, amount=1, actor="x", reason=" -2+3", key="evil")
    start(team, 1, actor="@SUM(A1)")
    client.force_login(alice)

    lines = file_of(client)

    by_number = {line[0]: line for line in lines}
    assert by_number["9"][4] == "'=1+1"
    assert by_number["9"][7] == "-3"
    assert by_number["12"][6] == "'@SUM(A1)"
    assert by_number["11"][4] == "Paid, without end ·  -2+3"
    texts = [cell for line in lines for cell in (*line[2:7], line[12])]
    assert not [text for text in texts if text.lstrip().startswith(("=", "+", "-", "@"))]


def test_the_file_is_a_download_that_nothing_keeps(client, alice, books):
    client.force_login(alice)
    with time_machine.travel(NOON, tick=False):
        answer = client.get(FILE)

    assert answer.streaming
    assert answer["Content-Type"] == "text/csv; charset=utf-8"
    disposition = 'attachment; filename="credits-atelier-2026-06-15.csv"'
    assert answer["Content-Disposition"] == disposition
    assert answer["Cache-Control"] == "no-store"


def test_a_large_file_is_read_in_chunks(client, alice, team, count_queries, monkeypatch):
    for number in range(20):
        grant(team=team, amount=1, actor="o", reason="", key=str(number))
    client.force_login(alice)
    whole = count_queries(lambda: file_of(client))
    monkeypatch.setattr(ledger, "_CHUNK", 10)

    chunks = count_queries(lambda: file_of(client))

    # Two full chunks of entries, people and grants, and one that has nothing more.
    assert chunks == whole + 3 + 1
