"""What tests of the queue and of the pages of jobs share."""

from __future__ import annotations

from datetime import timedelta

from django.urls import reverse
from django.utils.timezone import now

from generation.models import Attempt, Job
from generation.transitions import advance
from generation.views.rows import job_rows, jobs_for_rows
from tests.factories import launch_swap

HTMX = {"HX-Request": "true"}


def address(team, name, *args, **query):
    """Where a page of generation is, for a team."""
    return reverse(f"generation:{name}", args=[team.slug, *args], query=query)


def make_sending(team, **changes):
    """A job whose first submit is under way."""
    job = launch_swap(team)
    for before, after in [("queued", "preparing"), ("preparing", "ready")]:
        assert advance(job, before, after)
    assert advance(job, "ready", "submitting", slot=Job.objects.count(), **changes)
    return job


def make_unknown(team):
    """A job whose submit got no answer."""
    job = make_sending(team, attempt_count=1)
    Attempt.objects.create(job=job, number=1, request_hash="x", trace_id="trace-77")
    error = "The connection closed."
    assert advance(job, "submitting", "unknown", error=error, note=error)
    return job


def make_lost(team):
    """A job that the provider took and says nothing about since."""
    job = make_sending(team, attempt_count=1)
    assert advance(job, "submitting", "running", submitted_at=now(), remote_id="7")
    assert advance(job, "running", "lost", slot=None)
    return job


def make_running(team, seconds):
    """A job that the provider took so many seconds ago."""
    job = make_sending(team)
    started = now() - timedelta(seconds=seconds)
    assert advance(job, "submitting", "running", submitted_at=started, remote_id="7")
    return job


def row_of(team, job):
    """The job as lists show it."""
    [row] = job_rows(list(jobs_for_rows(team).filter(pk=job.pk)), team)
    return row
