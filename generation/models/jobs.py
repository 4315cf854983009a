"""Jobs: one request of a person for one set of inputs, priced and held once.

The row is the queue: it says what is due next and when, and any process may pick it up. The only
way to change one is `Job.objects.move(...)`, a conditional UPDATE on state and version.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from catalog.models import Asset, Product
from generation.models.providers import Pool, Preset, ProviderAccount
from teams.models import Team, User


class State(models.TextChoices):
    """Where a job stands, in words a customer reads. [S] holds a slot, [H] holds credits."""

    QUEUED = "queued", _("Waiting")  # H
    PREPARING = "preparing", _("Preparing")  # H
    READY = "ready", _("Waiting for a free place")  # H
    SUBMITTING = "submitting", _("Sending")  # S H
    RUNNING = "running", _("Working")  # S H
    COLLECTING = "collecting", _("Saving the results")  # H
    SUCCEEDED = "succeeded", _("Ready for review")
    PARTIAL = "partial", _("Partly ready for review")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Cancelled")
    UNKNOWN = "unknown", _("No answer from the provider")  # H, S until freed
    LOST = "lost", _("Provider is silent")  # H


FINAL = (State.SUCCEEDED, State.PARTIAL, State.FAILED, State.CANCELLED)
IN_SLOT = (State.SUBMITTING, State.RUNNING)


class JobQuerySet(models.QuerySet["Job"]):
    """Reads of jobs, and their one write."""

    def for_team(self, team: Team) -> JobQuerySet:
        """Jobs of one team."""
        return self.filter(team=team)

    def unfinished(self) -> JobQuerySet:
        """Jobs that still hold credits. Every read of the engine starts here."""
        # By a constraint the same as: in no final state. These are the words of a partial index.
        return self.filter(finished_at__isnull=True)

    def awaiting_review(self) -> JobQuerySet:
        """Jobs with at least one result that nobody decided about."""
        return self.filter(outputs_waiting__gt=0)

    def move(self, job: Job, before: str, **changes: Any) -> bool:
        """Change a job if it still stands at `before` with the version last read.

        False means that somebody else was first; the caller stops. On success the changes are
        copied onto `job`, its version included.
        """
        changes.setdefault("changed_at", now())
        moved = self.filter(pk=job.pk, state=before, version=job.version).update(
            version=F("version") + 1, **changes
        )
        if moved != 1:
            return False
        job.version += 1
        for name, value in changes.items():
            setattr(job, name, value)
        return True


class Job(models.Model):
    """See the module docstring. Prices are credits of the team, frozen at launch."""

    State = State

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="jobs")
    product = models.ForeignKey(Product, models.PROTECT, null=True, related_name="jobs")
    request_key = models.UUIDField(help_text=_("Makes a resent form the same job."))
    requested_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    retry_of = models.ForeignKey("self", models.SET_NULL, null=True, related_name="retries")

    operation = models.CharField(max_length=30)
    offer = models.CharField(
        max_length=40,
        default="sellerpic",
        db_default="sellerpic",
        help_text=_("Which provider's way of doing it."),
    )
    account = models.ForeignKey(ProviderAccount, models.PROTECT, related_name="jobs")
    pool = models.ForeignKey(Pool, models.PROTECT, related_name="jobs")
    options = models.JSONField(default=dict, blank=True)
    seed = models.PositiveBigIntegerField(
        null=True, help_text=_("Drawn anew for each job, where the provider takes one.")
    )
    is_batch = models.BooleanField(
        default=False, db_default=False, help_text=_("Waits behind what people launch one by one.")
    )

    expected_outputs = models.PositiveSmallIntegerField()
    unit_price = models.PositiveIntegerField(help_text=_("Credits per delivered result."))
    price = models.PositiveIntegerField(help_text=_("Credits held: unit price x expected."))
    price_version = models.CharField(max_length=40)
    captured = models.PositiveIntegerField(
        null=True, editable=False, help_text=_("Credits spent; empty until settled.")
    )

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    version = models.PositiveIntegerField(default=0)
    slot = models.PositiveSmallIntegerField(null=True)
    lease_until = models.DateTimeField(
        null=True, help_text=_("Until then one process works on this step.")
    )
    due_at = models.DateTimeField(default=now, help_text=_("The next step is not due before."))
    attempt_count = models.PositiveIntegerField(default=0)
    step_failures = models.PositiveSmallIntegerField(
        default=0, help_text=_("Failures of the present step in a row; sets the back-off.")
    )
    remote_id = models.CharField(max_length=80, blank=True)
    remote_items = models.JSONField(default=list, blank=True)
    seen_running_at = models.DateTimeField(
        null=True, help_text=_("When a status check last found it unfinished.")
    )
    lost_probes = models.PositiveSmallIntegerField(
        default=0, help_text=_("Answered status checks since it counts as lost.")
    )
    discard_requested_at = models.DateTimeField(null=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=300, blank=True)

    outputs_delivered = models.PositiveSmallIntegerField(default=0)
    outputs_waiting = models.PositiveSmallIntegerField(default=0)
    outputs_approved = models.PositiveSmallIntegerField(default=0)

    created_at = models.DateTimeField(default=now, editable=False)
    submitted_at = models.DateTimeField(null=True)
    remote_ended_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(default=now)

    objects = JobQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["team", "request_key"], name="generation_job_request_once"
            ),
            models.UniqueConstraint(
                fields=["pool", "slot"],
                condition=Q(slot__isnull=False),
                name="generation_job_one_per_slot",
            ),
            models.UniqueConstraint(
                fields=["pool", "remote_id"],
                condition=~Q(remote_id=""),
                name="generation_job_remote_id_once",
            ),
            models.CheckConstraint(
                name="generation_job_slot_fits_state",
                condition=Q(state__in=IN_SLOT, slot__isnull=False)
                | Q(state=State.UNKNOWN)
                | (~Q(state__in=[*IN_SLOT, State.UNKNOWN]) & Q(slot__isnull=True)),
            ),
            models.CheckConstraint(
                name="generation_job_finished_iff_final",
                condition=Q(state__in=FINAL, finished_at__isnull=False)
                | (~Q(state__in=FINAL) & Q(finished_at__isnull=True)),
            ),
            models.CheckConstraint(
                name="generation_job_settled_iff_final",
                condition=Q(state__in=FINAL, captured__isnull=False)
                | (~Q(state__in=FINAL) & Q(captured__isnull=True)),
            ),
            models.CheckConstraint(
                name="generation_job_price_adds_up",
                condition=Q(price=F("unit_price") * F("expected_outputs")),
            ),
            models.CheckConstraint(
                name="generation_job_captured_within_price",
                condition=Q(captured__isnull=True) | Q(captured__lte=F("price")),
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="generation_job_by_team"),
            models.Index(
                fields=["team", "state", "-created_at", "-id"], name="generation_job_by_state"
            ),
            models.Index(fields=["team", "changed_at"], name="generation_job_changes"),
            models.Index(
                fields=["team", "finished_at", "id"],
                condition=Q(outputs_waiting__gt=0),
                name="generation_job_to_review",
            ),
            models.Index(
                fields=["pool", "state", "team", "created_at"],
                condition=Q(finished_at__isnull=True),
                name="generation_job_in_pool",
            ),
            models.Index(
                fields=["state", "due_at"],
                condition=Q(finished_at__isnull=True),
                name="generation_job_due",
            ),
            models.Index(
                fields=["team", "-created_at", "-id"],
                condition=Q(finished_at__isnull=True),
                name="generation_job_unfinished",
            ),
            models.Index(
                fields=["pool", "-remote_ended_at"],
                condition=Q(remote_ended_at__isnull=False),
                name="generation_job_durations",
            ),
            models.Index(fields=["product", "-created_at"], name="generation_job_by_product"),
        ]

    def __str__(self) -> str:
        return f"{self.operation} {self.pk}"

    def get_absolute_url(self) -> str:
        """The job's review page."""
        return reverse("generation:review_detail", args=[self.team.slug, self.pk])

    @property
    def is_finished(self) -> bool:
        """Whether the job ended and was settled."""
        return self.state in FINAL

    @property
    def is_cancellable(self) -> bool:
        """Whether cancelling stops it before anything is paid."""
        return self.state in (State.QUEUED, State.PREPARING, State.READY)


class JobInput(models.Model):
    """One named input of a job: a picture of the team or a preset of the provider."""

    job = models.ForeignKey(Job, models.CASCADE, related_name="inputs")
    name = models.CharField(max_length=30)
    asset = models.ForeignKey(Asset, models.PROTECT, null=True, related_name="job_inputs")
    preset = models.ForeignKey(Preset, models.PROTECT, null=True, related_name="job_inputs")
    sent_sha256 = models.CharField(
        max_length=64, blank=True, help_text=_("Checksum of the fitted file that was sent.")
    )
    file_key = models.CharField(max_length=300, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "name"], name="generation_jobinput_name_once"),
            models.CheckConstraint(
                name="generation_jobinput_asset_or_preset",
                condition=Q(asset__isnull=False, preset__isnull=True)
                | Q(asset__isnull=True, preset__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.job_id}"


class Attempt(models.Model):
    """One submit of a job: at most one paid POST was made for it.

    `suspected_cost` is what the provider may have charged without us seeing a result, in credits of
    the team's price; it is the operator's risk and never the team's.
    """

    class Outcome(models.TextChoices):
        STARTED = "started", _("Sent, no answer yet")
        ACCEPTED = "accepted", _("Accepted")
        NOT_TAKEN = "not_taken", _("Not taken, safe to send again")
        REFUSED = "refused", _("Refused for good")
        UNKNOWN = "unknown", _("Outcome unknown")

    job = models.ForeignKey(Job, models.CASCADE, related_name="attempts")
    number = models.PositiveIntegerField()
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.STARTED)
    request_hash = models.CharField(max_length=64)
    remote_id = models.CharField(max_length=80, blank=True)
    webhook_token = models.CharField(
        max_length=64,
        blank=True,
        default="",
        db_default="",
        help_text=_("Names this attempt in the address that is called."),
    )
    hinted_remote_id = models.CharField(
        max_length=80,
        blank=True,
        default="",
        db_default="",
        help_text=_("Task id told by a webhook, not yet confirmed."),
    )
    hint_due_at = models.DateTimeField(
        null=True, help_text=_("When the latest webhook is looked into; no later one before that.")
    )
    trace_id = models.CharField(max_length=100, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=300, blank=True)
    provider_charged = models.PositiveIntegerField(
        null=True,
        help_text=_(
            "Credits of the provider's account; filled where it tells a figure for each task."
        ),
    )
    suspected_cost = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(default=now)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["number"]
        constraints = [
            models.UniqueConstraint(
                fields=["job", "number"], name="generation_attempt_number_once_per_job"
            ),
            models.UniqueConstraint(
                fields=["webhook_token"],
                # In these words, and not as "is not empty", SQLite uses it for look-ups as well.
                condition=Q(webhook_token__gt=""),
                name="generation_attempt_webhook_token_once",
            ),
        ]
        indexes = [
            models.Index(fields=["-started_at"], name="generation_attempt_newest"),
            models.Index(
                fields=["hint_due_at"],
                condition=Q(hinted_remote_id__gt="", remote_id=""),
                name="generation_attempt_hinted",
            ),
        ]

    def __str__(self) -> str:
        return f"attempt {self.number} of {self.job_id}"


class JobEvent(models.Model):
    """One step in a job's history, for the timeline that people and support read.

    `before` is empty for the launch, and equal to `state` for a note without a move.
    """

    job = models.ForeignKey(Job, models.CASCADE, related_name="events")
    # Defaults in the database too: a worker of the version before writes on during an update.
    before = models.CharField(max_length=10, choices=State, blank=True, default="", db_default="")
    state = models.CharField(max_length=10, choices=State)
    attempt = models.PositiveIntegerField(null=True)
    remote_id = models.CharField(max_length=80, blank=True, default="", db_default="")
    trace_id = models.CharField(max_length=100, blank=True, default="", db_default="")
    note = models.CharField(max_length=300, blank=True)
    actor = models.CharField(max_length=254, blank=True)
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.job_id} {self.state}"
