"""What goes through the accounts: places in use, jobs that wait, and how submits ended."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Case, CharField, Count, F, Max, Min, Q, Sum, Value, When
from django.utils.translation import gettext as _

from generation.models import Attempt, Job, Pool, ProviderAccount, State

UNFINISHED = (
    State.QUEUED,
    State.PREPARING,
    State.READY,
    State.SUBMITTING,
    State.RUNNING,
    State.COLLECTING,
    State.UNKNOWN,
    State.LOST,
)
WAITING = (State.QUEUED, State.PREPARING, State.READY)
MOST_CODES = 12
"""Codes listed for one account; the rarer ones are counted together."""

_BAD = frozenset({Attempt.Outcome.NOT_TAKEN, Attempt.Outcome.REFUSED, Attempt.Outcome.UNKNOWN})


@dataclass(frozen=True, slots=True)
class PoolLine:
    """One pool now. `counts` are jobs by the states of `UNFINISHED`.

    `waiting` of them were not sent yet, and hold `held` credits of their teams. A task that runs
    longer than `most_minutes` counts as lost.
    """

    name: str
    slots: int
    most_minutes: int
    in_use: int
    counts: tuple[int, ...]
    waiting: int
    held: int
    oldest_waiting: datetime | None
    busy_until: datetime | None


@dataclass(frozen=True, slots=True)
class Share:
    """How many submits of a span of time; `percent` of all of them, one digit after the point."""

    count: int
    percent: float


@dataclass(frozen=True, slots=True)
class CodeLine:
    """Submits that ended alike: in which words, with which code of the provider."""

    outcome: str
    code: str
    is_error: bool
    day: Share
    week: Share


@dataclass(frozen=True, slots=True)
class Outcomes:
    """How the submits of the last day and week ended, and the share that ended badly.

    `accepted_at` is when the last one was sent that the provider took.
    """

    lines: tuple[CodeLine, ...] = ()
    day_total: int = 0
    week_total: int = 0
    day_errors: Share = Share(0, 0.0)
    week_errors: Share = Share(0, 0.0)
    accepted_at: datetime | None = None


def pool_lines(accounts: Sequence[ProviderAccount], at: datetime) -> dict[int, list[PoolLine]]:
    """The pools of each account, in the order of their names. Two queries."""
    rows = (
        Job.objects.unfinished()
        .filter(account__in=accounts)
        .order_by()
        .values("pool", "state")
        .annotate(
            jobs=Count("pk"), places=Count("slot"), oldest=Min("created_at"), held=Sum("price")
        )
    )
    counts: dict[tuple[int, str], int] = {}
    places: dict[int, int] = defaultdict(int)
    waiting: dict[int, int] = defaultdict(int)
    held: dict[int, int] = defaultdict(int)
    oldest: dict[int, datetime] = {}
    for row in rows:
        pool_id, state = row["pool"], row["state"]
        counts[pool_id, state] = row["jobs"]
        places[pool_id] += row["places"]
        if state in WAITING:
            waiting[pool_id] += row["jobs"]
            held[pool_id] += row["held"]
            oldest[pool_id] = min(oldest.get(pool_id, row["oldest"]), row["oldest"])
    lines: dict[int, list[PoolLine]] = defaultdict(list)
    for pool in Pool.objects.filter(account__in=accounts).order_by("name"):
        busy = pool.busy_until if pool.busy_until and pool.busy_until > at else None
        line = PoolLine(
            name=pool.name,
            slots=pool.slots,
            most_minutes=pool.max_task_seconds // 60,
            in_use=places[pool.pk],
            counts=tuple(counts.get((pool.pk, state), 0) for state in UNFINISHED),
            waiting=waiting[pool.pk],
            held=held[pool.pk],
            oldest_waiting=oldest.get(pool.pk),
            busy_until=busy,
        )
        lines[pool.account_id].append(line)
    return lines


def outcomes(accounts: Sequence[ProviderAccount], at: datetime) -> dict[int, Outcomes]:
    """How the submits of each account ended in the last 24 hours and 7 days. One query.

    A submit that the provider took counts as an error all the same if its job failed later, by the
    code that the job ended with.
    """
    later = Case(
        When(outcome="accepted", job__state=State.FAILED, then=F("job__error_code")),
        default=Value(""),
        output_field=CharField(),
    )
    last_day = Q(started_at__gt=at - timedelta(days=1))
    failed = Q(outcome="accepted", job__state=State.FAILED)
    rows = (
        Attempt.objects.filter(job__account__in=accounts, started_at__gt=at - timedelta(days=7))
        .order_by()
        .annotate(later=later)
        .values("job__account_id", "outcome", "error_code", "later")
        .annotate(
            week=Count("pk"),
            day=Count("pk", filter=last_day),
            failed_week=Count("pk", filter=failed),
            failed_day=Count("pk", filter=failed & last_day),
            last=Max("started_at"),
        )
    )
    found: dict[int, dict[tuple[str, str, bool], list[int]]] = defaultdict(dict)
    accepted: dict[int, datetime] = {}
    for row in rows:
        by_code = found[row["job__account_id"]]
        outcome = Attempt.Outcome(row["outcome"])
        if outcome == Attempt.Outcome.ACCEPTED:
            account = row["job__account_id"]
            accepted[account] = max(accepted.get(account, row["last"]), row["last"])
        name = (str(outcome.label), row["error_code"], outcome in _BAD)
        _count(by_code, name, row["day"] - row["failed_day"], row["week"] - row["failed_week"])
        name = (_("Accepted, then failed"), row["later"], True)
        _count(by_code, name, row["failed_day"], row["failed_week"])
    return {
        account: replace(_outcomes(by_code), accepted_at=accepted.get(account))
        for account, by_code in found.items()
    }


def _count(
    by_code: dict[tuple[str, str, bool], list[int]],
    name: tuple[str, str, bool],
    day: int,
    week: int,
) -> None:
    if week:
        sums = by_code.setdefault(name, [0, 0])
        sums[0] += day
        sums[1] += week


def _outcomes(by_code: dict[tuple[str, str, bool], list[int]]) -> Outcomes:
    day_total = sum(day for day, _week in by_code.values())
    week_total = sum(week for _day, week in by_code.values())
    ordered = sorted(by_code.items(), key=lambda entry: (-entry[1][1], entry[0]))
    kept, rest = ordered[:MOST_CODES], ordered[MOST_CODES:]
    if rest:
        others = [sum(sums[0] for _name, sums in rest), sum(sums[1] for _name, sums in rest)]
        has_bad = any(bad for (_label, _code, bad), _sums in rest)
        kept.append(((_("Others"), "", has_bad), others))
    lines = tuple(
        CodeLine(label, code, bad, _share(day, day_total), _share(week, week_total))
        for (label, code, bad), (day, week) in kept
    )
    errors = [sums for (_label, _code, bad), sums in by_code.items() if bad]
    return Outcomes(
        lines=lines,
        day_total=day_total,
        week_total=week_total,
        day_errors=_share(sum(day for day, _week in errors), day_total),
        week_errors=_share(sum(week for _day, week in errors), week_total),
    )


def _share(count: int, total: int) -> Share:
    return Share(count, round(100 * count / total, 1) if total else 0.0)
