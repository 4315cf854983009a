"""Results of jobs: one row for every expected one from the launch on."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from catalog.models import Asset
from generation.models.jobs import Job
from teams.models import Team, User


class Output(models.Model):
    """One result of a job. A row stands for every expected one from the launch on."""

    class State(models.TextChoices):
        EXPECTED = "expected", _("Expected")
        DELIVERED = "delivered", _("Delivered")
        FAILED = "failed", _("Failed, not charged")

    class Verdict(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")
        CHANGES_REQUESTED = "changes", _("Changes requested")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="outputs")
    job = models.ForeignKey(Job, models.PROTECT, related_name="outputs")
    index = models.PositiveSmallIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.EXPECTED)
    remote_id = models.CharField(max_length=80, blank=True)
    error_code = models.CharField(max_length=40, blank=True)
    error = models.CharField(max_length=300, blank=True)
    asset = models.OneToOneField(Asset, models.PROTECT, null=True, related_name="output")
    charged = models.BooleanField(default=False)
    discarded = models.BooleanField(
        default=False, help_text=_("Filed unseen: the job was cancelled after it was sent.")
    )
    verdict = models.CharField(max_length=10, choices=Verdict, default=Verdict.WAITING)
    verdict_version = models.PositiveIntegerField(default=0)
    decided_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["index"]
        constraints = [
            models.UniqueConstraint(
                fields=["job", "index"], name="generation_output_index_once_per_job"
            ),
            models.CheckConstraint(
                name="generation_output_delivered_has_asset",
                condition=Q(state="delivered", asset__isnull=False)
                | (~Q(state="delivered") & Q(asset__isnull=True)),
            ),
            models.CheckConstraint(
                name="generation_output_decided_by_somebody_at_some_time",
                condition=Q(verdict="waiting", decided_at__isnull=True)
                | (~Q(verdict="waiting") & Q(decided_at__isnull=False)),
            ),
            models.CheckConstraint(
                name="generation_output_only_delivered_is_decided",
                condition=Q(verdict="waiting") | Q(state="delivered"),
            ),
        ]
        indexes = [
            models.Index(
                fields=["team", "-decided_at", "-id"],
                condition=Q(verdict="approved"),
                name="generation_output_approved",
            )
        ]

    def __str__(self) -> str:
        return f"{self.letter} of {self.job_id}"

    @property
    def letter(self) -> str:
        """A, B, C ...: how people name the results of a job."""
        return chr(ord("A") + self.index)
