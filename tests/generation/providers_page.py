"""The operator's page of providers as tests read and use it."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.test import Client
from django.utils.timezone import now

from generation.models import Attempt, Job, ProviderAccount
from generation.transitions import advance
from tests.factories import launch_swap, make_team

PAGE = "/admin/generation/provideraccount/page/"
SECRET = "s" * 40


def words(answer: Any) -> str:
    """What the page says, without tags; dashes as hyphens."""
    html = answer.content.decode().partition('<div id="content-main">')[2]
    text = unescape(re.sub(r"<[^>]+>", " ", html)).replace("\N{EN DASH}", "-")
    return re.sub(r"\s+", " ", text)


def do(client: Client, account: ProviderAccount, action: str, **form: str) -> list[str]:
    """Press a button; what the page says next."""
    address = f"/admin/generation/provideraccount/{account.pk}/{action}/"
    answer = client.post(address, form, follow=True)
    assert answer.redirect_chain == [(f"{PAGE}#account-{account.pk}", 302)]
    return [str(message) for message in answer.context["messages"]]


def silent_job(state: str = "unknown", *, team: str = "Atelier", task: str = "196300123") -> Job:
    """A job that is unknown, or lost with the id of its task."""
    job = launch_swap(make_team(team, credits_=10))
    assert advance(job, "queued", "submitting", slot=0, attempt_count=1)
    Attempt.objects.create(
        job=job, number=1, request_hash="x", outcome="unknown", trace_id="trace-7",
        error="SellerPic did not answer in time.", started_at=now(),
    )  # fmt: skip
    assert advance(job, "submitting", "unknown", slot=None)
    if state == "lost":
        assert advance(job, "unknown", "lost", remote_id=task)
    return job
