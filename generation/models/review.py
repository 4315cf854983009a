"""Decisions about results: who decided what and when. Appended; the output row holds the latest."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from generation.models.outputs import Output
from teams.models import User


class Decision(models.Model):
    """One change of an output's verdict. Taking a decision back is a decision too."""

    class Reason(models.TextChoices):
        FACE = "face", _("Face")
        HANDS = "hands", _("Hands")
        FABRIC = "fabric", _("Fabric")
        COLOUR = "colour", _("Colour")
        BACKGROUND = "background", _("Background")
        CROP = "crop", _("Crop")
        OTHER = "other", _("Other")

    output = models.ForeignKey(Output, models.CASCADE, related_name="decisions")
    verdict_before = models.CharField(max_length=10, choices=Output.Verdict)
    verdict = models.CharField(max_length=10, choices=Output.Verdict)
    reasons = models.JSONField(default=list, blank=True)
    comment = models.CharField(max_length=1000, blank=True)
    undoes = models.OneToOneField("self", models.SET_NULL, null=True, related_name="undone_by")
    by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["at", "pk"]

    def __str__(self) -> str:
        return f"{self.verdict} for {self.output_id}"
