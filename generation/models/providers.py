"""Accounts at providers: their concurrency pools, uploaded files and preset materials."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _


class ProviderAccount(models.Model):
    """One account at one address. Presets and file keys belong to it, never to the provider's name,

    so that what the sandbox issued can never reach a live host.
    """

    provider = models.CharField(max_length=20)
    base_url = models.CharField(max_length=200)
    is_sandbox = models.BooleanField(default=False)
    # Written through a form that never shows it; a key of the environment comes first.
    encrypted_key = models.TextField(blank=True, default="", db_default="", editable=False)
    key_set_at = models.DateTimeField(null=True, blank=True, editable=False)
    key_refused_at = models.DateTimeField(
        null=True, blank=True, help_text=_("The provider refused the key, and took none since.")
    )
    is_paused = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("An operator stopped it: nothing is sent until it is resumed."),
    )
    # The breaker: while open, nothing is submitted and people are told why.
    closed_until = models.DateTimeField(
        null=True, blank=True, help_text=_("No submits before this time.")
    )
    closed_reason = models.CharField(max_length=200, blank=True)
    closed_code = models.CharField(max_length=40, blank=True, default="", db_default="")
    closed_streak = models.PositiveIntegerField(
        default=0, help_text=_("Closings in a row; sets how long the next one lasts.")
    )
    alerted_at = models.DateTimeField(
        null=True, blank=True, help_text=_("When operators were last told of a closing.")
    )
    alerted_code = models.CharField(
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text=_("The code of the closing that they were told of."),
    )
    # The provider's own balance, in its credits: the operator's money, never a team's.
    balance_remaining = models.BigIntegerField(null=True, blank=True)
    balance_total = models.BigIntegerField(null=True, blank=True)
    balance_at = models.DateTimeField(null=True, blank=True)
    balance_low_at = models.DateTimeField(
        null=True,
        blank=True,
        editable=False,
        help_text=_("When operators were told that it runs low; empty once it rose again."),
    )
    presets_synced_at = models.DateTimeField(null=True, blank=True)
    presets_due_at = models.DateTimeField(default=now)
    presets_error = models.CharField(max_length=200, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["provider", "base_url"], name="generation_provideraccount_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider} at {self.base_url}"


class Pool(models.Model):
    """Slots that a provider account grants to one kind of task. Its row is locked while claiming."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="pools")
    name = models.CharField(max_length=40)
    slots = models.PositiveSmallIntegerField(default=10)
    min_poll_seconds = models.FloatField(default=60)
    max_task_seconds = models.PositiveIntegerField(
        default=900,
        help_text=_(
            "How long a task may run. A job that is silent for longer counts as lost: its place is "
            "freed, and its task is asked for every ten minutes."
        ),
    )
    # The provider said that its own slots are taken (by another system with the same key).
    busy_until = models.DateTimeField(
        null=True, blank=True, help_text=_("No submits before this time.")
    )
    busy_streak = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["account", "name"], name="generation_pool_once")
        ]

    def __str__(self) -> str:
        return f"{self.account}: {self.name}"


class ProviderFile(models.Model):
    """A file that was uploaded to a provider account, found again by its checksum."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="files")
    sha256 = models.CharField(max_length=64)
    file_key = models.CharField(max_length=300)
    uploaded_at = models.DateTimeField(default=now)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "sha256"], name="generation_providerfile_once_per_checksum"
            )
        ]

    def __str__(self) -> str:
        return self.file_key


class PresetQuerySet(models.QuerySet["Preset"]):
    """Reads of presets."""

    def offered(self, account: ProviderAccount, kind: str) -> PresetQuerySet:
        """What the provider offers now, in its own order."""
        return self.filter(account=account, kind=kind, withdrawn_at=None).order_by("position", "id")


class Preset(models.Model):
    """A face, scene or background from a provider's library, with a copy of its picture."""

    class Kind(models.TextChoices):
        MODEL = "SWAP_MODEL", _("Model")
        SCENE = "SWAP_MODEL_SCENE", _("Scene")
        AI_BACKGROUND = "AI_BACKGROUND", _("AI background")
        BACKGROUND = "BACKGROUND", _("Background")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="presets")
    kind = models.CharField(max_length=20, choices=Kind)
    remote_id = models.CharField(max_length=40)
    name = models.CharField(max_length=100, blank=True)
    image_url = models.CharField(max_length=1000, blank=True)
    picture_key = models.CharField(
        max_length=200, blank=True, help_text=_("Our copy of the picture; empty: not fetched yet.")
    )
    picture_width = models.PositiveIntegerField(default=0)
    picture_height = models.PositiveIntegerField(default=0)
    position = models.PositiveIntegerField(default=0)
    seen_at = models.DateTimeField(default=now)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = PresetQuerySet.as_manager()

    class Meta:
        ordering = ["position", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "kind", "remote_id"], name="generation_preset_once"
            )
        ]
        indexes = [
            models.Index(
                fields=["account", "kind", "position", "id"],
                condition=Q(withdrawn_at=None),
                name="generation_preset_offered",
            )
        ]

    def __str__(self) -> str:
        return self.name or self.remote_id


class EngineLease(models.Model):
    """The one engine that works now. Another takes over once `until` has passed."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    holder = models.CharField(max_length=100, blank=True)
    until = models.DateTimeField(default=now)
    beat_at = models.DateTimeField(null=True, help_text=_("Last sign of life of any worker."))

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(id=1), name="generation_enginelease_single_row")
        ]

    def __str__(self) -> str:
        return self.holder or "nobody"
