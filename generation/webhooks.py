"""Addresses that a provider calls when a task has ended: one for each attempt, and unguessable."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils.timezone import now

from generation.models import Attempt, Job, State
from generation.tasks import send_wake_hint
from generation.transitions import move

MOST_BYTES = 64 * 1024
"""A status body is far smaller; more is not read."""
_FIRST = timedelta(days=1)
_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,64}")
_ID = re.compile(r"[\x21-\x7e]{1,80}")


def webhook_url(attempt: Attempt) -> str:
    """The public address of an attempt; "" where the installation has none, or it asks for none."""
    if not settings.WEBHOOK_BASE_URL or not attempt.webhook_token:
        return ""
    path = reverse("generation:fashn_webhook", args=[attempt.webhook_token])
    return f"{settings.WEBHOOK_BASE_URL}{path}"


def take_hint(token: str, body: bytes) -> None:
    """Note that the attempt of that token was called for, and wake the engine.

    Nothing in it is believed: the task is asked for, and so is the task id that it may carry before
    it is used. Duplicates, early and late calls and calls of strangers do no harm. However many
    come, the provider is asked at most once in the pause that it wants between two checks.
    """
    if not _TOKEN.fullmatch(token):
        return
    attempt = (
        Attempt.objects.select_related("job__pool")
        .filter(webhook_token=token, webhook_token__gt="")
        .first()
    )
    if attempt is None:
        return
    remote_id, at = _remote_id(body), now()
    if not _news(attempt, remote_id, at):
        return
    with transaction.atomic():
        # An answer that is being written right now either sees this call or is seen by it.
        job = (
            Job.objects.select_for_update(of=("self",))
            .select_related("pool")
            .get(pk=attempt.job_id)
        )
        attempt = Attempt.objects.get(pk=attempt.pk)
        attempt.job = job
        news = _news(attempt, remote_id, at)
        if news:
            Attempt.objects.filter(pk=attempt.pk).update(**news)
        due: datetime | None = news.get("hint_due_at")
        polled = job.state in (State.RUNNING, State.LOST)
        if due is not None and polled and due < job.due_at:
            move(job, job.state, due_at=due_when_called(due, at))
    send_wake_hint()


def due_when_called(called_at: datetime, now: datetime) -> datetime:
    """When a task is due that was called for: where that is now, before all that is due anyway."""
    return called_at if called_at > now else now - _FIRST


def _news(attempt: Attempt, remote_id: str, at: datetime) -> dict[str, Any]:
    """What the call changes on the attempt. Once nobody waits for its task, an id at most."""
    job = attempt.job
    news: dict[str, Any] = {}
    is_awaited = not job.is_finished and attempt.number == job.attempt_count
    due = _next_look(attempt.hint_due_at, at, job.pool.min_poll_seconds) if is_awaited else None
    if due is not None:
        news["hint_due_at"] = due
    is_new = due is not None or not attempt.hinted_remote_id
    if remote_id and not attempt.remote_id and is_new:
        news["hinted_remote_id"] = remote_id
    return news


def _next_look(last: datetime | None, at: datetime, pause: float) -> datetime | None:
    """When to look into a call: at once, or a pause after the last look; None: one is to come."""
    if last is None:
        return at
    return None if last > at else max(at, last + timedelta(seconds=pause))


def _remote_id(body: bytes) -> str:
    """The task id of a status body; "" where it has none that could be one."""
    try:
        told = json.loads(body[:MOST_BYTES])
    except (ValueError, RecursionError):
        return ""
    found = told.get("id") if isinstance(told, dict) else None
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""
