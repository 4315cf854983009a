"""Takes work: which jobs are prepared and submitted next, fairly between teams."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, QuerySet, Subquery, Window
from django.db.models.functions import Coalesce, RowNumber
from django.utils.translation import gettext as _

from generation.engine.breaker import is_on_trial, places_open
from generation.engine.timing import Timing, seconds
from generation.models import Attempt, Job, JobInput, Pool, ProviderFile, State
from generation.operations import Offer
from generation.providers.registry import has_webhooks, offer_of, takes_uploads
from generation.transitions import advance, end_job


@dataclass(frozen=True, slots=True)
class Claimed:
    """A job in its slot, and all that its one POST needs."""

    job: Job
    attempt: Attempt
    offer: Offer
    files: Mapping[str, str]
    presets: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Ahead:
    """Jobs prepared and not yet sent, by team: all of them, and those of people alone."""

    most: int
    all_of: Counter[UUID]
    people: Counter[UUID]

    def has_room(self, team_id: UUID, is_batch: bool, place: int) -> bool:
        """Whether the job at this place of its team's queue may be prepared.

        A person's job stands before all of a batch, so a batch's prepared jobs do not hold it up.
        """
        prepared = self.all_of if is_batch else self.people
        return place + prepared[team_id] <= self.most


def claim_to_prepare(
    now: datetime, timing: Timing, room: int, working: Mapping[int, int] | None = None
) -> list[Job]:
    """Move queued jobs to preparing, each under a lease: up to `room` of each account.

    `working` are the preparations under way by account id, which take of its room. A team has at
    most one pool's worth of jobs prepared ahead, and as many again of those that people launched
    one by one: enough to fill every slot that frees, without uploading a long queue whose file keys
    would grow old.
    """
    claimed: list[Job] = []
    begun = Counter(working or {})
    for pool in _pools_with(State.QUEUED, now):
        places = min(room - begun[pool.account_id], places_open(pool, now))
        if places <= 0:
            continue
        prepared = list(
            Job.objects.unfinished()
            .filter(pool=pool, state__in=[State.PREPARING, State.READY])
            .order_by()
            .values_list("team_id", "is_batch")
        )
        ahead = _Ahead(
            most=pool.slots,
            all_of=Counter(team_id for team_id, _is_batch in prepared),
            people=Counter(team_id for team_id, is_batch in prepared if not is_batch),
        )
        turns = _fair_turns(pool, State.QUEUED, now, ahead.all_of, ahead)
        for job in _in_order(turns[:places]):
            if advance(
                job, State.QUEUED, State.PREPARING, lease_until=_lease(now, timing.prepare, timing)
            ):
                claimed.append(job)
                begun[pool.account_id] += 1
    return claimed


def claim_to_submit(now: datetime, timing: Timing) -> list[Claimed]:
    """Fill free slots with ready jobs. The next slot goes to the team with the fewest in flight."""
    claimed: list[Claimed] = []
    in_slots = Job.objects.unfinished().filter(pool=OuterRef("pk"), slot__isnull=False)
    taken = in_slots.order_by().values("pool").annotate(count=Count("pk")).values("count")
    for pool in _pools_with(State.READY, now).annotate(taken=Coalesce(Subquery(taken), 0)):
        # A first look without the lock; most often every place is taken.
        if pool.taken < pool.slots and places_open(pool, now):
            claimed += _fill_slots(pool.pk, now, timing)
    return claimed


@transaction.atomic
def _fill_slots(pool_id: int, now: datetime, timing: Timing) -> list[Claimed]:
    # The lock makes slot numbers and fairness one decision. SQLite locks everything at BEGIN.
    pool = Pool.objects.select_for_update(of=("self",)).select_related("account").get(pk=pool_id)
    taken = dict(
        Job.objects.filter(pool=pool, slot__isnull=False).order_by().values_list("slot", "team_id")
    )
    places = places_open(pool, now)
    if is_on_trial(pool) and _trial_runs(pool):
        return []
    # Where the limit was lowered, jobs in higher numbers hold places as well.
    places = min(places, max(0, pool.slots - len(taken)))
    free = [number for number in range(pool.slots) if number not in taken][:places]
    if not free:
        return []
    # More than fit, since some of them may turn out not to be fit to send.
    most = len(free) * 3
    if is_on_trial(pool):
        turns = _trial_turns(pool, now, most)
    else:
        in_flight = Counter(taken.values())
        turns = _fair_turns(pool, State.READY, now, in_flight)[:most]
    claimed: list[Claimed] = []
    for job in _in_order(turns):
        if len(claimed) == len(free):
            break
        ready = _claim(job, free[len(claimed)], now, timing)
        if ready is not None:
            claimed.append(ready)
    return claimed


def _claim(job: Job, slot: int, now: datetime, timing: Timing) -> Claimed | None:
    inputs = list(job.inputs.select_related("preset"))
    offer = offer_of(job.operation, job.offer)
    if offer is None:
        fail_offer_gone(job, State.READY, now)
        return None
    for entry in inputs:
        if entry.preset is not None and entry.preset.withdrawn_at is not None:
            fail_withdrawn(job, State.READY, entry, now)
            return None
    if not _keys_are_fresh(job, inputs, now, timing):
        # A lease that is over: the sweep queues it again and its files are sent anew.
        advance(job, State.READY, State.PREPARING, lease_until=now, at=now)
        return None
    files = {entry.name: entry.file_key for entry in inputs if entry.asset_id is not None}
    presets = {entry.name: entry.preset.remote_id for entry in inputs if entry.preset is not None}
    number = job.attempt_count + 1
    moved = advance(
        job,
        State.READY,
        State.SUBMITTING,
        at=now,
        slot=slot,
        attempt_count=number,
        submitted_at=now,
        lease_until=_lease(now, timing.order + timing.submit, timing),
    )
    if not moved:
        return None
    is_called = settings.WEBHOOK_BASE_URL and has_webhooks(job.account)
    attempt = Attempt.objects.create(
        job=job,
        number=number,
        started_at=now,
        request_hash=_hash(
            [offer.task, files, presets, {**job.options, **offer.constants}, job.seed]
        ),
        webhook_token=secrets.token_urlsafe(32) if is_called else "",
    )
    return Claimed(job, attempt, offer, files, presets)


def fail_offer_gone(job: Job, before: str, now: datetime) -> bool:
    """End a job of an operation that this version does not know any more."""
    return end_job(
        job,
        before,
        State.FAILED,
        at=now,
        error_code="operation_gone",
        error=_("This operation is no longer offered."),
    )


def fail_withdrawn(job: Job, before: str, entry: JobInput, now: datetime) -> bool:
    """End a job whose preset the provider no longer offers."""
    return end_job(
        job,
        before,
        State.FAILED,
        at=now,
        error_code="preset_withdrawn",
        error=_("%(name)s is no longer offered by the provider. Choose another one.")
        % {"name": entry.preset},
    )


def _keys_are_fresh(job: Job, inputs: Sequence[JobInput], now: datetime, timing: Timing) -> bool:
    wanted = {entry.file_key for entry in inputs if entry.asset_id is not None}
    if "" in wanted:
        return False
    if not takes_uploads(job.account):
        return True  # The keys are of our own storage.
    known = ProviderFile.objects.filter(
        account_id=job.account_id,
        file_key__in=wanted,
        uploaded_at__gt=now - seconds(timing.file_key_age),
    ).values_list("file_key", flat=True)
    return wanted <= set(known)


def _pools_with(state: str, now: datetime) -> QuerySet[Pool]:
    """Pools in which jobs of this state are due."""
    due = Job.objects.unfinished().filter(pool=OuterRef("pk"), state=state, due_at__lte=now)
    return Pool.objects.filter(Exists(due)).select_related("account").order_by("pk")


def _fair_turns(
    pool: Pool,
    state: str,
    now: datetime,
    busy: Counter[UUID],
    ahead: _Ahead | None = None,
) -> list[UUID]:
    """Job ids in the order of their turns.

    The team with the fewest in flight first, then what people launched one by one before batches,
    then age. `ahead` leaves out what a team may not have prepared yet.
    """
    waiting = (
        Job.objects.unfinished()
        .filter(pool=pool, state=state, due_at__lte=now)
        .order_by()
        .annotate(
            place=Window(
                RowNumber(),
                partition_by=F("team_id"),
                order_by=[F("is_batch"), F("created_at"), F("id")],
            )
        )
        .filter(place__lte=pool.slots * 3)
        .values_list("id", "team_id", "is_batch", "created_at", "place")
    )
    turns = [
        (place + busy[team_id], is_batch, created_at, job_id)
        for job_id, team_id, is_batch, created_at, place in waiting
        if ahead is None or ahead.has_room(team_id, is_batch, place)
    ]
    return [job_id for _turn, _is_batch, _age, job_id in sorted(turns)]


def _trial_runs(pool: Pool) -> bool:
    """Whether one submit is being tried already: for a closed account in any of its pools."""
    tried = {"account": pool.account_id} if pool.account.closed_streak else {"pool": pool.pk}
    return Job.objects.unfinished().filter(state=State.SUBMITTING, **tried).exists()


def _trial_turns(pool: Pool, now: datetime, most: int) -> list[UUID]:
    """Ready jobs, the longest untried first.

    By age one job that closes the account every time would have every trial to itself.
    """
    ready = Job.objects.unfinished().filter(pool=pool, state=State.READY, due_at__lte=now)
    return list(ready.order_by("due_at", "created_at", "id").values_list("id", flat=True)[:most])


def _in_order(ids: Sequence[UUID]) -> list[Job]:
    jobs = Job.objects.select_related("pool", "pool__account", "account", "team").in_bulk(list(ids))
    return [jobs[job_id] for job_id in ids if job_id in jobs]


def _lease(now: datetime, step: float, timing: Timing) -> datetime:
    return now + seconds(step + timing.lease_margin)


def _hash(request: object) -> str:
    return hashlib.sha256(json.dumps(request, sort_keys=True).encode()).hexdigest()
