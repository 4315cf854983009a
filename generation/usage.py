"""What a settled job adds to its team's usage: one statement, in the settlement's own transaction.

Rows of `UsageDay` are only ever added to. A refund does not rewrite them: they say what was spent
on that day; the ledger says what came back later.
"""

from __future__ import annotations

from datetime import UTC, date, datetime

from django.db import connection
from django.utils.timezone import localtime

from generation.models import Job, JobInput, UsageDay
from teams.models import Team
from teams.zones import find_zone

Dimension = UsageDay.Dimension

_COLUMNS = ("team_id", "day", "dimension", "value", "captured", "outputs", "jobs")
_KEY = "(team_id, dimension, day, value)"
_SUMS = ("captured", "outputs", "jobs")


def record_settlement(job: Job, captured: int) -> None:
    """Count a job that ended now: `captured` credits and the results that it delivered.

    Runs inside the caller's transaction, after the hold was settled. A job that neither cost nor
    made anything is left out. The rows are written in one fixed order, so that two settlements
    wait for each other and never crosswise.
    """
    if job.finished_at is None:
        raise ValueError(f"Job {job.pk} has not ended.")
    if not captured and not job.outputs_delivered:
        return
    day = day_of(job.team, job.finished_at)
    team = Job._meta.get_field("team").get_db_prep_value(job.team_id, connection)
    moment = UsageDay._meta.get_field("day").get_db_prep_value(day, connection)
    rows = [
        (team, moment, dimension.value, value, captured, job.outputs_delivered, 1)
        for dimension, value in sorted(_values(job).items())
    ]
    table = connection.ops.quote_name(UsageDay._meta.db_table)
    places = ", ".join([f"({', '.join(['%s'] * len(_COLUMNS))})"] * len(rows))
    sums = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in _SUMS)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} ({', '.join(_COLUMNS)}) VALUES {places}"  # noqa: S608 - own names
            f" ON CONFLICT {_KEY} DO UPDATE SET {sums}",
            [value for row in rows for value in row],
        )


def day_of(team: Team, at: datetime) -> date:
    """The day that a moment belongs to, in the team's time zone."""
    return localtime(at, find_zone(team.time_zone) or UTC).date()


def _values(job: Job) -> dict[UsageDay.Dimension, str]:
    """What a job counts for, by dimension. Of two presets the face counts, not the scene.

    A job counts once in each dimension, so that each adds up to what the team spent.
    """
    found = {
        Dimension.OPERATION: job.operation,
        Dimension.PROVIDER: job.account.provider,
        Dimension.MEMBER: job.requested_by_id,
        Dimension.PRODUCT: job.product_id,
        # "SWAP_MODEL" comes before "SWAP_MODEL_SCENE"; no operation takes two of one kind.
        Dimension.PRESET: JobInput.objects.filter(job=job, preset__isnull=False)
        .order_by("preset__kind", "pk")
        .values_list("preset_id", flat=True)
        .first(),
    }
    return {dimension: str(value) for dimension, value in found.items() if value is not None}
