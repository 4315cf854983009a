"""What providers charge against what teams paid, month by month.

Two currencies on purpose: teams pay the frozen price in their credits, providers charge the
operator in their own. Where a provider names no figure for a task there is nothing to compare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.utils.timezone import localtime

from generation.models import Attempt, Job, ProviderAccount
from generation.providers.registry import LABELS
from teams.models import LedgerEntry

MONTHS = 6
"""The present month and those before it."""
_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class CostLine:
    """One account in one month.

    `captured` and `suspected` are credits of teams: what they paid, less what went back to them since,
    and what the provider may have charged for work that nobody saw. `charged` is what it says it charged, in its own credits, for
    `told` of `submits`; None where it told nothing.
    """

    month: datetime
    account: ProviderAccount
    label: str
    captured: int
    charged: int | None
    told: int
    submits: int
    suspected: int


def cost_lines(accounts: Sequence[ProviderAccount], at: datetime) -> list[CostLine]:
    """The last months, the newest first. Four queries, and more where thousands got credits back."""
    start = _first_month(localtime(at))
    spent: dict[tuple[datetime, int], dict[str, Any]] = defaultdict(dict)
    attempts = (
        Attempt.objects.filter(job__account__in=accounts, started_at__gte=start)
        .order_by()
        .annotate(month=TruncMonth("started_at"))
        .values("month", "job__account_id")
        .annotate(
            charged=Sum("provider_charged"),
            told=Count("provider_charged"),
            submits=Count("pk"),
            suspected=Sum("suspected_cost"),
        )
    )
    for row in attempts:
        spent[row["month"], row["job__account_id"]] = {**row}
    jobs = (
        Job.objects.filter(account__in=accounts, finished_at__gte=start)
        .order_by()
        .annotate(month=TruncMonth("finished_at"))
        .values("month", "account_id")
        .annotate(captured_sum=Sum("captured"))
    )
    captured = {(row["month"], row["account_id"]): row["captured_sum"] for row in jobs}
    for name, amount in _returned(accounts, start).items():
        captured[name] = (captured.get(name) or 0) - amount
    by_id = {account.pk: account for account in accounts}
    order = {account.pk: place for place, account in enumerate(accounts)}
    names = sorted({*spent, *captured}, key=lambda name: (-name[0].timestamp(), order[name[1]]))
    return [
        CostLine(
            month=month,
            account=by_id[account],
            label=LABELS.get(by_id[account].provider, by_id[account].provider),
            captured=captured.get((month, account)) or 0,
            charged=spent[month, account].get("charged"),
            told=spent[month, account].get("told", 0),
            submits=spent[month, account].get("submits", 0),
            suspected=spent[month, account].get("suspected") or 0,
        )
        for month, account in names
    ]


def _returned(
    accounts: Sequence[ProviderAccount], start: datetime
) -> dict[tuple[datetime, int], int]:
    """Credits that went back for jobs, by the month that the jobs ended in and by account."""
    # A job ends before its credits go back. That such entries hold nothing is true of them all, and
    # the condition of the index of these few.
    entries = LedgerEntry.objects.filter(kind=LedgerEntry.Kind.REFUND, d_held=0, at__gte=start)
    back: dict[UUID, int] = defaultdict(int)
    for job, amount in entries.order_by().values_list("job", "d_posted"):
        with suppress(ValueError):  # The ledger takes any text for a job.
            back[UUID(job)] += amount
    sums: dict[tuple[datetime, int], int] = defaultdict(int)
    ids = list(back)
    for first in range(0, len(ids), _IDS_AT_ONCE):
        jobs = Job.objects.filter(
            pk__in=ids[first : first + _IDS_AT_ONCE], account__in=accounts, finished_at__gte=start
        )
        rows = jobs.order_by().annotate(month=TruncMonth("finished_at"))
        for pk, month, account in rows.values_list("pk", "month", "account_id"):
            sums[month, account] += back[pk]
    return sums


def _first_month(today: datetime) -> datetime:
    months = today.year * 12 + today.month - 1 - (MONTHS - 1)
    return today.replace(
        year=months // 12, month=months % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
