"""A job as lists and pages show it: its words, its honest progress, its credits, its actions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from statistics import median

from django.db.models import Exists, F, OuterRef, Prefetch
from django.utils.functional import cached_property
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from catalog.models import Asset
from generation.figures import IN_DOUBT
from generation.models import Attempt, Job, JobInput, Output, Preset, ProviderAccount, State
from generation.models.jobs import JobQuerySet
from generation.operations import OPERATIONS, Ask, Offer, Operation, Quote
from generation.prices import PriceList, prices_at
from generation.providers.registry import configured_providers, is_offered
from teams.models import Team

_SILENCE = ("given_up", "unknown", "lost", "waited_too_long")
"""Codes of ends that say nothing about the photo."""
WAITING = (State.QUEUED, State.PREPARING, State.READY)
RUNNING = (State.SUBMITTING, State.RUNNING, State.COLLECTING)
DONE = (State.SUCCEEDED, State.PARTIAL)
FAILED = (State.FAILED, State.CANCELLED)

#: Which colour a state wears; its word and its icon say the same.
TONES: dict[str, str] = {
    State.SUCCEEDED: "positive",
    State.PARTIAL: "warning",
    State.FAILED: "negative",
    State.UNKNOWN: "warning",
    State.LOST: "warning",
    State.SUBMITTING: "accent",
    State.RUNNING: "accent",
    State.COLLECTING: "accent",
}
ICONS: dict[str, str] = {
    State.SUCCEEDED: "circle-check",
    State.PARTIAL: "circle-alert",
    State.FAILED: "circle-x",
    State.CANCELLED: "ban",
    State.UNKNOWN: "circle-question-mark",
    State.LOST: "circle-question-mark",
    State.SUBMITTING: "send",
    State.RUNNING: "loader",
    State.COLLECTING: "download",
}
PROGRESS_STOPS_AT = 95
#: What the sandbox usually needs; the operations tell what providers need.
SANDBOX_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Progress:
    """Seconds since the provider took the job, and how long such jobs usually take.

    The provider tells no percentage, so the bar is time, and it stops at 95 %.
    """

    elapsed: int
    typical: int

    @property
    def percent(self) -> int:
        """How far the bar goes, 0 to 95."""
        return min(PROGRESS_STOPS_AT, self.elapsed * 100 // max(self.typical, 1))

    @property
    def is_late(self) -> bool:
        """Whether it takes longer than usual."""
        return self.elapsed > self.typical


class JobRow:
    """One job with what its rows and pages say about it."""

    def __init__(
        self,
        job: Job,
        *,
        typical: dict[tuple[str, int], int] | None = None,
        at: datetime | None = None,
        configured: Collection[str] = (),
        prices: PriceList | None = None,
    ) -> None:
        self.job = job
        self._configured = configured
        self._prices = prices
        self._typical = typical or {}
        self._at = at or now()

    @property
    def operation(self) -> Operation | None:
        """What was asked for; None for an operation that this version no longer knows."""
        return OPERATIONS.get(self.job.operation)

    @property
    def operation_label(self) -> str:
        """The operation in words."""
        return str(self.operation.label) if self.operation else self.job.operation

    @cached_property
    def offer(self) -> Offer | None:
        """Which provider's way was chosen; None for one that this version no longer knows."""
        return self.operation.offer(self.job.offer) if self.operation else None

    @property
    def photo(self) -> Asset | None:
        """The source photo: the first picture of the operation. None where it takes none."""
        return self.pictures[0][1] if self.pictures else None

    @cached_property
    def pictures(self) -> list[tuple[str, Asset]]:
        """The pictures that went in with the labels of their inputs, in the operation's order.

        Needs `inputs` prefetched, as `job_rows` does.
        """
        given = {entry.name: entry.asset for entry in self.job.inputs.all() if entry.asset}
        labels = {entry.name: str(entry.label) for entry in self.offer.inputs} if self.offer else {}
        names = [name for name in labels if name in given]
        names += [name for name in given if name not in labels]
        return [(labels.get(name, name), given[name]) for name in names]

    @cached_property
    def presets(self) -> list[tuple[str, Preset]]:
        """The chosen presets with the label of their input."""
        labels = {entry.name: str(entry.label) for entry in self.offer.inputs} if self.offer else {}
        return [
            (labels.get(entry.name, entry.name), entry.preset)
            for entry in self.job.inputs.all()
            if entry.preset
        ]

    @cached_property
    def settings(self) -> list[tuple[str, str]]:
        """The settings that somebody chose, in words: label and value."""
        chosen = []
        for option in self.offer.options if self.offer else ():
            value = self.job.options.get(option.name)
            if value is None or value == option.default:
                continue
            words = dict(option.choices).get(value, _("Yes") if value is True else value)
            chosen.append((str(option.label), str(words)))
        return chosen

    @property
    def mark(self) -> str:
        """What pages show of the job, in short: another mark, another look."""
        job = self.job
        asides = f"{int(job.discard_requested_at is not None)}{int(self.is_put_aside)}"
        counts = f"{job.outputs_delivered}{job.outputs_waiting}{job.outputs_approved}"
        return f"{job.state}-{job.attempt_count}-{asides}-{counts}"

    @property
    def settings_text(self) -> str:
        """The names of the chosen presets, "Mei · Studio sage"; without any, the settings."""
        words = [str(preset) for _label, preset in self.presets]
        return " · ".join(words or [value for _label, value in self.settings])

    @cached_property
    def outputs(self) -> list[Output]:
        """The results by index, discarded ones left out."""
        return [output for output in self.job.outputs.all() if not output.discarded]

    @property
    def title(self) -> str:
        """The product's name, or the photo's."""
        if self.job.product:
            return self.job.product.name
        return self.photo.name if self.photo else self.operation_label

    @property
    def tone(self) -> str:
        """The colour of the state's badge."""
        return "neutral" if self.is_put_aside else TONES.get(self.job.state, "neutral")

    @property
    def icon(self) -> str:
        """The icon of the state's badge."""
        return "archive" if self.is_put_aside else ICONS.get(self.job.state, "clock")

    @property
    def state_label(self) -> str:
        """The state in a customer's words."""
        job = self.job
        if job.discard_requested_at and not job.is_finished:
            return _("Results will be put aside")
        if self.is_put_aside:
            return _("Put aside")
        if job.state in DONE and not job.outputs_waiting:
            return _("Reviewed")
        return str(State(job.state).label)

    @property
    def is_put_aside(self) -> bool:
        """Whether its results were filed unseen, and none was brought back since."""
        job = self.job
        seen = job.outputs_waiting or job.outputs_approved
        return job.state in DONE and not seen and bool(getattr(job, "was_put_aside", False))

    @property
    def is_active(self) -> bool:
        """Whether it will still change by itself."""
        return not self.job.is_finished

    @property
    def progress(self) -> Progress | None:
        """The time-based progress of a job that the provider works on."""
        job = self.job
        if job.state != State.RUNNING or job.submitted_at is None:
            return None
        elapsed = max(0, int((self._at - job.submitted_at).total_seconds()))
        return Progress(
            elapsed, self._typical.get((job.operation, job.account_id), SANDBOX_SECONDS)
        )

    @property
    def took(self) -> int | None:
        """Seconds from the launch to the end; None while it goes on, or where it was never sent."""
        job = self.job
        never_sent = job.state in FAILED and job.attempt_count == 0
        if job.finished_at is None or never_sent:
            return None
        return int((job.finished_at - job.created_at).total_seconds())

    @property
    def credits(self) -> str:
        """What happened to the job's credits so far."""
        job = self.job
        if job.captured is None:
            return ngettext("%d credit held", "%d credits held", job.price) % job.price
        if job.captured == 0 and job.price:
            return ngettext("%d credit returned", "%d credits returned", job.price) % job.price
        spent = ngettext("%d credit spent", "%d credits spent", job.captured) % job.captured
        back = job.price - job.captured
        return _("%(spent)s, %(back)d returned") % {"spent": spent, "back": back} if back else spent

    @property
    def can_review(self) -> bool:
        """Whether there are pictures to look at."""
        return self.job.state in DONE and not self.is_put_aside

    @property
    def can_cancel(self) -> bool:
        """Whether cancelling stops it before anything is paid."""
        return self.job.is_cancellable

    @property
    def can_discard(self) -> bool:
        """Whether it was sent, so that only its results can be put aside; it is still paid."""
        job = self.job
        return not job.is_finished and not job.is_cancellable and job.discard_requested_at is None

    @property
    def can_keep(self) -> bool:
        """Whether its results, still being made, can be kept after all."""
        return not self.job.is_finished and self.job.discard_requested_at is not None

    @property
    def retried(self) -> bool:
        """Whether it was tried again; the new job stands in the list itself."""
        return bool(getattr(self.job, "was_retried", False))

    @property
    def can_retry(self) -> bool:
        """Whether trying again with the same inputs makes sense."""
        return self.job.state in FAILED and not self.retried and self.operation is not None

    @cached_property
    def retry_quote(self) -> Quote | None:
        """What trying again costs: today's price, whatever this job cost. None: not offered now."""
        offer, prices = self.offer, self._prices
        if not self.can_retry or offer is None or prices is None:
            return None
        if not is_offered(offer, self._configured):
            return None
        given = frozenset(entry.name for entry in self.job.inputs.all())
        return prices.quote(self.job.operation, offer, Ask(self.job.options, given))

    @property
    def needs_decision(self) -> bool:
        """Whether a person has to say how to go on, because the launch got no answer."""
        return self.job.state == State.UNKNOWN

    @property
    def is_in_doubt(self) -> bool:
        """Whether nobody knows how it stands at the provider, so that a person may end it."""
        return self.job.state in IN_DOUBT

    @property
    def advice(self) -> str:
        """What to do about a job that did not end well, as a sentence."""
        job = self.job
        if job.state == State.UNKNOWN:
            return _("An admin decides: run it again, or give it up and have the credits back.")
        if job.state == State.LOST:
            return _("It is asked for again every ten minutes. An admin can give it up before.")
        if job.state == State.PARTIAL:
            return _("The missing result was not charged.")
        if job.state == State.FAILED:
            if job.error_code in _SILENCE:
                return _("Nothing was charged. Try again: it is a new job, with its own price.")
            if job.attempt_count == 0:
                return _("Nothing was charged. Change the photo or the settings, then launch anew.")
            return _("Nothing was charged. Try again; if it fails once more, use another photo.")
        return ""


def jobs_for_rows(team: Team) -> JobQuerySet:
    """Jobs of a team with everything a row shows, in a constant number of queries."""
    rows: JobQuerySet = (
        Job.objects.for_team(team)
        .select_related("product", "requested_by", "account")
        .prefetch_related(
            Prefetch("inputs", JobInput.objects.select_related("asset", "preset").order_by("pk")),
            "inputs__asset__renditions",
        )
        .annotate(
            was_retried=Exists(Job.objects.filter(retry_of=OuterRef("pk"))),
            was_put_aside=Exists(Output.objects.filter(job=OuterRef("pk"), discarded=True)),
        )
    )
    return rows


def job_rows(jobs: list[Job], team: Team) -> list[JobRow]:
    """Rows for jobs read by `jobs_for_rows`; one more query if any of them is at work."""
    kinds = {(j.operation, j.account_id): j.account for j in jobs if j.state == State.RUNNING}
    typical = {kind: typical_seconds(team, kind[0], account) for kind, account in kinds.items()}
    at = now()
    if not any(job.state in FAILED for job in jobs):
        return [JobRow(job, typical=typical, at=at) for job in jobs]
    configured, prices = configured_providers(), prices_at(at)
    return [
        JobRow(job, typical=typical, at=at, configured=configured, prices=prices) for job in jobs
    ]


def typical_seconds(team: Team, operation: str, account: ProviderAccount) -> int:
    """The median of the team's latest twenty such jobs there, else what is known of it. Seconds."""
    recent = (
        Job.objects.for_team(team)
        .filter(
            operation=operation,
            account=account,
            submitted_at__isnull=False,
            remote_ended_at__isnull=False,
        )
        .order_by("-created_at", "-id")
        .values_list("submitted_at", "remote_ended_at")[:20]
    )
    seconds = [(end - start).total_seconds() for start, end in recent if start and end]
    if seconds:
        return max(1, round(median(seconds)))
    if account.is_sandbox:
        return SANDBOX_SECONDS
    known = OPERATIONS.get(operation)
    return known.offers[0].typical_seconds if known else 60


def attempts_of(job: Job, *, newest: int) -> list[Attempt]:
    """The newest submits of a job, in order."""
    return list(job.attempts.order_by(F("number").desc())[:newest])[::-1]
