"""What providers charge against what teams paid, month by month.

Two currencies on purpose: teams pay the frozen price in their credits, providers charge the
operator in their own. Where a provider names no figure for a task there is nothing to compare.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Sum
from django.db.models.functions import TruncMonth
from django.utils.timezone import localtime

from generation.models import Attempt, Job, ProviderAccount
from generation.providers.registry import LABELS

MONTHS = 6
"""The present month and those before it."""


@dataclass(frozen=True, slots=True)
class CostLine:
    """One account in one month.

    `captured` and `suspected` are credits of teams: what they paid, and what the provider may have
    charged for work that nobody saw. `charged` is what it says it charged, in its own credits, for
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
    """The last months, the newest first. Two queries."""
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


def _first_month(today: datetime) -> datetime:
    months = today.year * 12 + today.month - 1 - (MONTHS - 1)
    return today.replace(
        year=months // 12, month=months % 12 + 1, day=1, hour=0, minute=0, second=0, microsecond=0
    )
