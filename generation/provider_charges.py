"""What a provider should have charged for our jobs over a span of time, in its own credits.

By the price table and what was delivered, whatever teams paid: their price may be another one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet

from generation.models import Attempt, Job, JobInput, Pool, ProviderAccount, State
from generation.operations import Ask
from generation.providers.base import ItemState
from generation.providers.registry import offer_of

#: How long a task may have been at the provider, and how long after a span its end may be seen.
_LONGEST = timedelta(days=2)
_IN_DOUBT = (State.UNKNOWN, State.LOST)


@dataclass(frozen=True, slots=True)
class Charge:
    """One task that ended: `expected` by the price table, `told` by the provider (None: it is not).

    `captured` is what the team paid, in its credits; None until the job is settled. Where the team
    pays the table's price, `is_at_table` says, the two ought to be equal. A task that `began_before`
    the span may have been charged before it as well: nobody saw it running since.
    """

    job: UUID
    at: datetime
    expected: int
    told: int | None
    captured: int | None
    is_at_table: bool
    began_before: bool

    @property
    def difference(self) -> int:
        """What the provider says it took beyond the table, or beyond what the team paid."""
        if self.told is None:
            return 0
        beyond = self.told - self.expected
        if beyond or not self.is_at_table or self.captured is None:
            return beyond
        return self.told - self.captured


@dataclass(frozen=True, slots=True)
class Doubt:
    """What may have been charged for a job without a result that we saw."""

    job: UUID
    amount: int


def charges_between(account: ProviderAccount, begin: datetime, end: datetime) -> list[Charge]:
    """The tasks whose end was seen after `begin` and up to `end`, the oldest first."""
    jobs = list(_ended(account, begin, end).order_by("remote_ended_at", "pk"))
    units = _units(jobs)
    told = {
        (job, task): charged
        for job, task, charged in Attempt.objects.filter(
            job__in=_ended(account, begin, end), provider_charged__isnull=False
        ).values_list("job_id", "remote_id", "provider_charged")
    }
    charges = [
        Charge(
            job=job.pk,
            at=job.remote_ended_at,
            expected=units[job.pk] * _made(job),
            told=told.get((job.pk, job.remote_id)),
            captured=job.captured,
            is_at_table=units[job.pk] == job.unit_price,
            began_before=_may_have_ended_by(job, begin),
        )
        for job in jobs
        if job.remote_ended_at is not None
    ]
    return sorted([*charges, *_charged_in_vain(account, begin, end)], key=lambda one: one.at)


def doubts_between(account: ProviderAccount, begin: datetime, end: datetime) -> list[Doubt]:
    """Suspected costs of submits of the span, and those of jobs that are still in doubt."""
    attempts = Attempt.objects.filter(job__account=account).select_related("job")
    is_last = Q(remote_id=F("job__remote_id")) & ~Q(remote_id="")
    seen = Q(job__remote_ended_at__gt=begin, job__remote_ended_at__lte=end)
    noted = attempts.filter(suspected_cost__gt=0)
    rows = [
        *noted.filter(is_last & seen, job__pool__in=_pools(account)),
        *noted.filter(started_at__gt=begin, started_at__lte=end).filter(
            ~is_last | Q(job__remote_ended_at=None)
        ),
    ]
    open_ones = attempts.filter(
        started_at__gt=begin,
        started_at__lte=end,
        suspected_cost=0,
        number=F("job__attempt_count"),
        job__state__in=_IN_DOUBT,
    )
    doubted: dict[UUID, list[tuple[Job, int]]] = defaultdict(list)
    for attempt in rows:
        doubted[attempt.job_id].append((attempt.job, attempt.suspected_cost))
    for attempt in open_ones:
        doubted[attempt.job_id].append((attempt.job, attempt.job.price))
    units = _units([entries[0][0] for entries in doubted.values()])
    doubts = [
        Doubt(job, sum(_at_table(one, cost, units[job]) for one, cost in entries))
        for job, entries in doubted.items()
    ]
    return [doubt for doubt in doubts if doubt.amount]


def under_way_at(account: ProviderAccount, moment: datetime) -> list[Doubt]:
    """Tasks that may have ended, and been charged, before `moment` although that was seen later."""
    # Through the index of ends: a task that still runs has none.
    ended_later = Q(remote_ended_at__gt=moment, remote_ended_at__lte=moment + _LONGEST)
    jobs = [
        job
        for job in Job.objects.filter(pool__in=_pools(account)).filter(
            ended_later | Q(finished_at=None, state=State.RUNNING), submitted_at__lte=moment
        )
        if _may_have_ended_by(job, moment)
    ]
    units = _units(jobs)
    doubts = [
        Doubt(
            job.pk,
            units[job.pk] * (_made(job) if job.remote_ended_at else job.expected_outputs),
        )
        for job in jobs
    ]
    return [doubt for doubt in doubts if doubt.amount]


def _may_have_ended_by(job: Job, moment: datetime) -> bool:
    if job.submitted_at is None or job.submitted_at > moment:
        return False
    return job.seen_running_at is None or job.seen_running_at <= moment


def _ended(account: ProviderAccount, begin: datetime, end: datetime) -> QuerySet[Job]:
    return Job.objects.filter(
        pool__in=_pools(account), remote_ended_at__gt=begin, remote_ended_at__lte=end
    )


def _pools(account: ProviderAccount) -> list[int]:
    return list(Pool.objects.filter(account=account).values_list("pk", flat=True))


def _charged_in_vain(account: ProviderAccount, begin: datetime, end: datetime) -> list[Charge]:
    """Tasks that the provider charged and that are not the last one of their job."""
    attempts = Attempt.objects.filter(
        job__account=account, ended_at__gt=begin, ended_at__lte=end, provider_charged__gt=0
    ).exclude(
        # Counted when its end is seen; some tell the charge at once.
        Q(remote_id=F("job__remote_id"))
        & (Q(job__remote_ended_at__isnull=False) | Q(job__finished_at=None))
    )
    # An answer comes within minutes of its submit, for which there is an index.
    rows = attempts.filter(started_at__gt=begin - _LONGEST, started_at__lte=end)
    return [
        Charge(
            job=attempt.job_id,
            at=attempt.ended_at,
            expected=0,
            told=attempt.provider_charged,
            captured=None,
            is_at_table=True,
            began_before=False,
        )
        for attempt in rows
        if attempt.ended_at is not None
    ]


def _made(job: Job) -> int:
    """Results that came home; while they are still fetched, those that the provider made."""
    if job.is_finished:
        return job.outputs_delivered
    return sum(item.get("state") == ItemState.SUCCEEDED for item in job.remote_items)


def _units(jobs: Iterable[Job]) -> dict[UUID, int]:
    """Credits per result by the price table, by job. An offer that is gone keeps the job's price."""
    found = {job.pk: job for job in jobs}
    given: dict[UUID, set[str]] = defaultdict(set)
    for some in _slices(list(found)):
        for job_id, name in JobInput.objects.filter(job__in=some).values_list("job_id", "name"):
            given[job_id].add(name)
    return {pk: _unit(job, frozenset(given[pk])) for pk, job in found.items()}


def _unit(job: Job, given: frozenset[str]) -> int:
    offer = offer_of(job.operation, job.offer)
    if offer is None:
        return job.unit_price
    try:
        return offer.price.unit(Ask({**job.options, **offer.constants}, given))
    except (KeyError, ValueError):  # Options of an older table.
        return job.unit_price


def _at_table(job: Job, cost: int, unit: int) -> int:
    """A cost at the team's price, as the table has it. A job that costs its team nothing tells none."""
    return cost * unit // job.unit_price if job.unit_price else 0


def _slices(ids: list[Any], size: int = 500) -> Iterable[list[Any]]:
    return (ids[start : start + size] for start in range(0, len(ids), size))
