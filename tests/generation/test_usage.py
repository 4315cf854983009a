"""Usage by day: what each settlement adds, in whose day, and what the migration counts afterwards."""

from __future__ import annotations

import importlib
from datetime import UTC, date, datetime

import pytest
import time_machine
from django.apps import apps
from django.db import IntegrityError, transaction

from generation.models import UsageDay
from generation.services import cancel_job
from generation.transitions import end_job
from generation.usage import record_settlement
from teams.credits import grant
from teams.models import Team
from tests.factories import (
    add_member,
    deliver_swap,
    launch_swap,
    make_photo,
    make_presets,
    make_product,
    make_team,
    owner_of,
)

MIGRATION = "generation.migrations.0005_fill_usage_days"
NOON = datetime(2026, 6, 10, 12, tzinfo=UTC)

Sums = dict[tuple[date, str, str], tuple[int, int, int]]


def sums(team: Team) -> Sums:
    """Captured credits, results and jobs by day, dimension and value."""
    rows = UsageDay.objects.filter(team=team).values_list(
        "day", "dimension", "value", "captured", "outputs", "jobs"
    )
    return {(row[0], row[1], row[2]): (row[3], row[4], row[5]) for row in rows}


@pytest.fixture
def studio(db: None) -> Team:
    return make_team(credits_=1000)


@time_machine.travel(NOON, tick=False)
def test_a_settlement_adds_once_to_every_dimension(studio):
    face, _other = make_presets(2)
    photo = make_photo(make_product(studio), size=(240, 300), with_renditions=False)
    mia = add_member(studio)

    both = deliver_swap(studio, job=launch_swap(studio, photo=photo, model=face, by=mia))
    one = launch_swap(studio, photo=photo, model=face)
    deliver_swap(studio, job=one, delivered=1)

    day = date(2026, 6, 10)
    unit = both.unit_price
    assert sums(studio) == {
        (day, "operation", "swap_model"): (3 * unit, 3, 2),
        (day, "provider", both.account.provider): (3 * unit, 3, 2),
        (day, "product", str(photo.product_id)): (3 * unit, 3, 2),
        (day, "preset", str(face.pk)): (3 * unit, 3, 2),
        (day, "member", str(mia.pk)): (2 * unit, 2, 1),
        (day, "member", str(owner_of(studio).pk)): (unit, 1, 1),
    }


def test_of_a_face_and_a_scene_the_face_counts(studio):
    from generation.models import Preset

    [scene] = make_presets(1, kind=Preset.Kind.SCENE)
    [face] = make_presets(1)

    deliver_swap(studio, job=launch_swap(studio, model=face, scene=scene))

    presets = UsageDay.objects.filter(dimension="preset").values_list("value", flat=True)
    assert list(presets) == [str(face.pk)]


def test_what_cost_and_made_nothing_is_left_out(studio):
    deliver_swap(studio, delivered=0)
    assert cancel_job(job=launch_swap(studio), by=owner_of(studio))

    assert sums(studio) == {}


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("UTC", date(2026, 6, 10)),
        ("Europe/Zurich", date(2026, 6, 11)),
        ("America/New_York", date(2026, 6, 10)),
        ("Mars/Olympus", date(2026, 6, 10)),
    ],
)
def test_the_day_is_that_of_the_team(zone, day, studio):
    Team.objects.update(time_zone=zone)
    studio.refresh_from_db()

    with time_machine.travel(datetime(2026, 6, 10, 23, 30, tzinfo=UTC), tick=False):
        deliver_swap(studio)

    assert set(UsageDay.objects.values_list("day", flat=True)) == {day}


def test_a_settlement_that_is_rolled_back_leaves_no_usage(studio):
    job = launch_swap(studio)

    with pytest.raises(IntegrityError), transaction.atomic():
        deliver_swap(studio, job=job)
        raise IntegrityError

    assert sums(studio) == {}


def test_a_job_ends_once_and_counts_once(studio):
    job = deliver_swap(studio)
    before = sums(studio)

    assert not end_job(job, "collecting", "succeeded", captured=job.price, outputs_delivered=2)

    assert sums(studio) == before


def test_an_unfinished_job_is_no_usage(studio):
    with pytest.raises(ValueError, match="has not ended"), transaction.atomic():
        record_settlement(launch_swap(studio), 4)

    assert sums(studio) == {}


def test_a_settlement_is_counted_in_one_statement(studio, django_assert_num_queries):
    job = deliver_swap(studio)
    UsageDay.objects.all().delete()

    with django_assert_num_queries(2) as captured:  # The preset, and the sums.
        record_settlement(job, job.price)

    statement = captured[1]["sql"]
    assert statement.startswith("INSERT INTO")
    order = [statement.index(f"'{name}'") for name in sorted(UsageDay.Dimension.values)]
    assert order == sorted(order)
    assert len(sums(studio)) == 5


def test_the_migration_counts_what_ended_before_as_the_settlement_does(studio):
    zurich = make_team(credits_=1000)
    Team.objects.filter(pk=zurich.pk).update(time_zone="Europe/Zurich")
    zurich.refresh_from_db()
    with time_machine.travel(datetime(2026, 6, 10, 23, 30, tzinfo=UTC), tick=False):
        deliver_swap(studio)
        deliver_swap(zurich, delivered=1)
        deliver_swap(studio, delivered=0)
    with time_machine.travel(datetime(2026, 6, 12, tzinfo=UTC), tick=False):
        grant(team=studio, amount=5, actor="x", reason="", key="unrelated")
        deliver_swap(studio)
        launch_swap(studio)
    expected = {team: sums(team) for team in (studio, zurich)}
    UsageDay.objects.all().delete()
    UsageDay.objects.create(
        team=studio, day=date(2020, 1, 1), dimension="operation", value="stale", captured=1
    )

    for _ in range(2):
        importlib.import_module(MIGRATION).fill(apps, None)

        assert {team: sums(team) for team in (studio, zurich)} == expected
    assert len(expected[studio]) == 2 * 5
    assert len(expected[zurich]) == 5
