"""Each day's accounts with a provider: expected, reported, topped up, suspected, unexplained."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils.timezone import now

from generation.models import Attempt, BalanceReading, Job, PriceRule, Reconciliation
from generation.providers.registry import current_account
from generation.reconciliation import (
    MOST_JOBS,
    NotOver,
    make_due_reports,
    make_report,
)
from generation.transitions import advance
from tests.factories import launch_swap, make_team
from tests.generation.books import DAY, LATER, at, fashn_at, reading, report_of, swap_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def sellerpic(settings):
    settings.SANDBOX = True
    return current_account("sellerpic")


@pytest.fixture
def fashn(settings):
    settings.SANDBOX = True
    return current_account("fashn")


@pytest.fixture
def team(db):
    return make_team("Atelier", credits_=400)


def figures(report):
    return {
        name: getattr(report, name)
        for name in ("expected", "reported", "topped_up", "suspected", "difference", "unexplained")
    }


def named(report, kind):
    return [entry for entry in report.details if entry["kind"] == kind]


def test_a_day_that_adds_up_has_no_difference(sellerpic, team):
    reading(sellerpic, -0.1, 200, 0)
    swap_at(team, 9)
    swap_at(team, 10, delivered=1)
    swap_at(team, 11, delivered=0)
    reading(sellerpic, 12, 196, 4)
    reading(sellerpic, 23.9, 194, 6)
    swap_at(team, 23.95)  # Seen after the last reading: the next day's.

    report = report_of(sellerpic, DAY, LATER)

    assert figures(report) == {
        "expected": 6, "reported": 6, "topped_up": 0, "suspected": 0, "difference": 0,
        "unexplained": 0,
    }  # fmt: skip
    assert named(report, "span") == [
        {"kind": "span", "from": "2026-11-09T23:54:00+00:00", "to": "2026-11-10T23:54:00+00:00"}
    ]
    assert len(report.details) == 1
    # The days adjoin, so that nothing counts twice and nothing is forgotten.
    following = DAY + timedelta(days=1)
    reading(sellerpic, 23, 190, 10, day=following)
    assert figures(report_of(sellerpic, following, LATER + timedelta(days=1))) == {
        "expected": 4, "reported": 4, "topped_up": 0, "suspected": 0, "difference": 0,
        "unexplained": 0,
    }  # fmt: skip


def test_what_is_spent_outside_the_product_is_unexplained(sellerpic, team):
    reading(sellerpic, 0, 200, 0)
    swap_at(team, 9)
    reading(sellerpic, 24, 151, 49)

    report = report_of(sellerpic, DAY, LATER)

    assert (report.expected, report.reported) == (4, 49)
    assert (report.difference, report.unexplained) == (45, 45)


@pytest.mark.parametrize(
    ("_case", "used", "topped_up"), [("told what was used", (20, 26), 500), ("not told", (), 498)]
)
def test_a_balance_that_is_filled_up_is_no_negative_difference(
    sellerpic, team, _case, used, topped_up
):
    """Without a word about the use it is taken to be the expected one while the balance rose."""
    first, last = used or (None, None)
    reading(sellerpic, 0, 30, first)
    swap_at(team, 9)
    reading(sellerpic, 24, 30 + 494, last)

    report = report_of(sellerpic, DAY, LATER)

    assert report.topped_up == topped_up
    assert (report.expected, report.reported) == (4, 6 if used else 4)
    assert report.difference == (2 if used else 0)


def test_a_new_period_of_the_provider_counts_by_what_is_left(sellerpic):
    reading(sellerpic, 0, 100, 900)
    reading(sellerpic, 6, 90, 0)
    reading(sellerpic, 12, 1000, 0)
    reading(sellerpic, 24, 985, 15)

    report = report_of(sellerpic, DAY, LATER)

    assert (report.reported, report.topped_up, report.unexplained) == (25, 910, 25)


def test_jobs_that_the_provider_charged_otherwise_are_named(fashn, team):
    reading(fashn, 0, 100)
    right = fashn_at(team, 8, charged=2)
    dear = fashn_at(team, 9, charged=5)
    cheap = fashn_at(team, 10, charged=1)
    silent = fashn_at(team, 11, charged=None)
    reading(fashn, 24, 90)

    report = report_of(fashn, DAY, LATER)

    assert figures(report) == {
        "expected": 8, "reported": 10, "topped_up": 0, "suspected": 0, "difference": 2,
        "unexplained": 2,
    }  # fmt: skip
    assert named(report, "told") == [
        {"kind": "told", "job": str(dear.pk), "expected": 2, "told": 5, "captured": 2,
         "difference": 3},
        {"kind": "told", "job": str(cheap.pk), "expected": 2, "told": 1, "captured": 2,
         "difference": -1},
    ]  # fmt: skip
    assert str(right.pk) not in str(report.details)
    assert str(silent.pk) not in str(report.details)


def test_a_price_of_the_operators_own_is_no_difference(fashn, team):
    """Teams pay three credits for what costs one there: that is the margin, and no mistake."""
    PriceRule.objects.create(
        offer="swap_model/fashn", unit=3, effective_at=now() - timedelta(days=1), actor="tests"
    )
    reading(fashn, 0, 100)
    job = fashn_at(team, 8, charged=2)
    Job.objects.filter(pk=job.pk).update(unit_price=3, price=6, captured=6)
    reading(fashn, 24, 98)

    report = report_of(fashn, DAY, LATER)

    assert (report.expected, report.difference, named(report, "told")) == (2, 0, [])


def test_a_capture_that_differs_from_the_charge_at_the_same_price_is_named(fashn, team):
    reading(fashn, 0, 100)
    job = fashn_at(team, 8, charged=2)
    Job.objects.filter(pk=job.pk).update(captured=1)
    reading(fashn, 24, 98)

    [entry] = named(report_of(fashn, DAY, LATER), "told")

    assert (entry["job"], entry["captured"], entry["difference"]) == (str(job.pk), 1, 1)


def test_suspected_costs_explain_a_surplus_up_to_their_amount(fashn, team):
    reading(fashn, 0, 100)
    broken = fashn_at(team, 8, charged=None, delivered=1, suspected=1)
    reading(fashn, 24, 95)

    report = report_of(fashn, DAY, LATER)

    assert figures(report) == {
        "expected": 1, "reported": 5, "topped_up": 0, "suspected": 1, "difference": 4,
        "unexplained": 3,
    }  # fmt: skip
    assert named(report, "suspected") == [{"kind": "suspected", "job": str(broken.pk), "amount": 1}]


def test_a_job_in_doubt_is_suspected_before_anybody_decides(sellerpic, team):
    job = launch_swap(team)
    assert advance(job, "queued", "submitting", slot=0, attempt_count=1, submitted_at=at(9))
    Attempt.objects.create(job=job, number=1, request_hash="x", outcome="unknown", started_at=at(9))
    assert advance(job, "submitting", "unknown", slot=None)
    reading(sellerpic, 0, 100, 0)
    reading(sellerpic, 24, 96, 4)

    report = report_of(sellerpic, DAY, LATER)

    assert (report.expected, report.suspected, report.difference) == (0, 4, 4)
    assert report.unexplained == 0


def test_a_task_that_ends_around_midnight_alarms_nobody_on_either_day(sellerpic, team):
    """Charged before the last reading of the day, and seen after it."""
    reading(sellerpic, 0, 100, 0)
    job = swap_at(team, 24.02, submitted_at=at(23.9), seen_running_at=None)
    running = swap_at(team, 24.05, submitted_at=at(23.9), seen_running_at=at(24.01))
    reading(sellerpic, 24, 96, 4)
    reading(sellerpic, 24, 92, 8, day=DAY + timedelta(days=1))

    first = report_of(sellerpic, DAY, LATER)
    second = report_of(sellerpic, DAY + timedelta(days=1), LATER + timedelta(days=1))

    assert (first.expected, first.difference, first.unexplained) == (0, 4, 0)
    assert named(first, "under_way") == [{"kind": "under_way", "job": str(job.pk), "amount": 4}]
    assert (second.expected, second.difference, second.unexplained) == (8, -4, 0)
    assert str(running.pk) not in str(second.details)


def test_what_a_replaced_key_had_is_not_compared(sellerpic, team):
    reading(sellerpic, 0, 1000, 0)
    reading(sellerpic, 8, 990, 10)
    sellerpic.key_set_at = at(9)
    sellerpic.save()
    reading(sellerpic, 10, 200, 0)
    reading(sellerpic, 24, 197, 3)

    report = report_of(sellerpic, DAY, LATER)

    assert (report.reported, report.topped_up) == (13, 0)


def test_a_day_without_a_reading_is_left_open_and_covered_by_the_next(sellerpic, team):
    reading(sellerpic, 12, 100, 0)
    swap_at(team, 30)
    reading(sellerpic, 60, 96, 4)

    reports = make_due_reports(at(73))

    assert [(report.day.day, report.expected, report.reported) for report in reports] == [
        (10, 0, None), (11, 0, None), (12, 4, 4),
    ]  # fmt: skip
    assert [report.unexplained for report in reports] == [None, None, 0]


def test_reports_are_made_an_hour_after_midnight_and_never_twice(sellerpic, team):
    reading(sellerpic, 0, 100, 0)
    swap_at(team, 9)
    reading(sellerpic, 24, 95, 5)
    with pytest.raises(NotOver):
        make_report(sellerpic, DAY, at(24.9))
    assert make_due_reports(at(24.9)) == []

    [report] = make_due_reports(LATER)
    swap_at(team, 10)  # Found later: the day stays as it was made.
    assert make_due_reports(LATER) == []
    again = report_of(sellerpic, DAY, LATER + timedelta(days=3))

    assert (again.pk, again.expected, again.made_at) == (report.pk, 4, LATER)
    assert Reconciliation.objects.filter(day=DAY).count() == 1


def test_days_that_were_missed_are_made_up_after_readings_were_thinned(sellerpic, team):
    for day in range(5):
        reading(sellerpic, 24 * day + 23, 100 - 10 * day, 10 * day)

    reports = make_due_reports(at(24 * 5 + 1))

    assert [report.reported for report in reports] == [None, 10, 10, 10, 10]


def test_a_long_pause_leaves_a_row_for_each_of_thirty_days_alone(sellerpic):
    reading(sellerpic, 12, 100, 0)
    reading(sellerpic, 13, 99, 1)

    reports = make_due_reports(at(24 * 200 + 2))

    # The day that was read, the last day that can be made up, and thirty before it.
    assert len(reports) == 1 + 31
    assert (reports[0].day, reports[0].reported) == (DAY, 1)
    assert make_due_reports(at(24 * 200 + 2)) == []


def test_an_account_out_of_use_gets_no_empty_days(sellerpic, settings):
    reading(sellerpic, 1, 100, 0)
    reading(sellerpic, 23, 99, 1)
    settings.SANDBOX = False

    assert [report.day for report in make_due_reports(at(24 * 9))] == [DAY]


def test_no_more_jobs_are_named_than_a_page_can_show(fashn, team, monkeypatch):
    monkeypatch.setattr("generation.reconciliation.MOST_JOBS", 2)
    reading(fashn, 0, 100)
    for hour in range(1, 5):
        fashn_at(team, hour, charged=2 + hour)
    reading(fashn, 24, 82)

    report = report_of(fashn, DAY, LATER)

    assert [entry["difference"] for entry in named(report, "told")] == [4, 3]
    assert named(report, "left_out") == [{"kind": "left_out", "of": "told", "jobs": 2, "amount": 3}]
    assert MOST_JOBS == 100


def run(*args):
    out = StringIO()
    call_command("reconcile", *args, stdout=out)
    return out.getvalue().splitlines()


def test_the_command_makes_what_is_due_and_says_what_was_made(sellerpic, team):
    reading(sellerpic, 0, 100, 0)
    swap_at(team, 9)
    reading(sellerpic, 24, 80, 20)

    line = (
        f"2026-11-10 sellerpic at {sellerpic.base_url}: expected 4, reported 20, topped up 0, "
        "difference +16, suspected 0, unexplained +16"
    )
    assert run("--day", "2026-11-10") == [line]
    assert run("--day", "2026-11-10") == [line]
    assert run("--day", "2026-11-08") == [
        "No balance was read by 2026-11-08. The first was read on 2026-11-10: "
        "give that day or a later one."
    ]
    assert run()[0].endswith("not read; the next day that was covers it")
    assert run() == ["No day is due."]
    with pytest.raises(CommandError, match="is not over"):
        run("--day", now().date().isoformat())
    with pytest.raises(CommandError, match="'soon' is no day"):
        run("--day", "soon")


def test_a_report_needs_few_queries_however_many_jobs_there_are(
    fashn, team, django_assert_max_num_queries
):
    reading(fashn, 0, 100)
    for hour in range(1, 8):
        fashn_at(team, hour, charged=2)
    reading(fashn, 24, 86)
    BalanceReading.objects.bulk_create(
        BalanceReading(account=fashn, at=at(12 + n / 60), remaining=86) for n in range(60)
    )

    with django_assert_max_num_queries(25):
        report = report_of(fashn, DAY, LATER)
    assert (report.expected, report.reported) == (14, 14)
