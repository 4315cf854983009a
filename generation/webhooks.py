"""Addresses that a provider calls when a task has ended: one for each attempt, and unguessable."""

from __future__ import annotations

import json
import re

from django.conf import settings
from django.urls import reverse
from django.utils.timezone import now

from generation.models import Attempt, Job, State
from generation.tasks import send_wake_hint

MOST_BYTES = 64 * 1024
"""A status body is far smaller; more is not read."""
_ID = re.compile(r"[\x21-\x7e]{1,80}")


def webhook_url(attempt: Attempt) -> str:
    """The public address of an attempt; "" where the installation has none, or it asks for none."""
    if not settings.WEBHOOK_BASE_URL or not attempt.webhook_token:
        return ""
    path = reverse("generation:fashn_webhook", args=[attempt.webhook_token])
    return f"{settings.WEBHOOK_BASE_URL}{path}"


def take_hint(token: str, body: bytes) -> None:
    """Note what a call tells about the attempt of that token, and wake the engine.

    Nothing in it is believed: the task id it may carry is asked for before it is used. Duplicates,
    early and late calls and calls of strangers do no harm.
    """
    attempt = Attempt.objects.select_related("job").filter(webhook_token=token).first()
    if attempt is None or not token:
        return
    remote_id = _remote_id(body)
    if remote_id and not attempt.remote_id:
        Attempt.objects.filter(pk=attempt.pk, remote_id="").update(hinted_remote_id=remote_id)
    job = attempt.job
    if job.state == State.RUNNING and attempt.number == job.attempt_count:
        Job.objects.move(job, State.RUNNING, due_at=now())
    send_wake_hint()


def _remote_id(body: bytes) -> str:
    """The task id of a status body; "" where it has none that could be one."""
    try:
        told = json.loads(body[:MOST_BYTES])
    except (ValueError, RecursionError):
        return ""
    found = told.get("id") if isinstance(told, dict) else None
    return found if isinstance(found, str) and _ID.fullmatch(found) else ""
