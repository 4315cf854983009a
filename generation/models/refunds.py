"""Wishes of teams to be credited back for a result that is no good."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from generation.models.outputs import Output
from teams.models import Team, User


class RefundRequest(models.Model):
    """A team asks the operator for the credits of one delivered result; at most once per result."""

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        GRANTED = "granted", _("Credited back")
        DECLINED = "declined", _("Declined")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="refund_requests")
    output = models.OneToOneField(Output, models.PROTECT, related_name="refund_request")
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=300, help_text=_("What is wrong with the result."))
    price = models.PositiveIntegerField(help_text=_("Credits that the result cost."))
    state = models.CharField(max_length=8, choices=State, default=State.OPEN)
    amount = models.PositiveIntegerField(null=True, help_text=_("Credits that came back."))
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True)
    note = models.CharField(
        max_length=200, blank=True, help_text=_("What the operator says to it.")
    )

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state="granted", amount__gt=0, amount__lte=models.F("price"))
                | (~Q(state="granted") & Q(amount=None)),
                name="generation_refundrequest_amount_iff_granted",
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at=None)
                | (~Q(state="open") & Q(decided_at__isnull=False)),
                name="generation_refundrequest_open_is_undecided",
            ),
        ]
        indexes = [
            models.Index(
                fields=["asked_at"], condition=Q(state="open"), name="generation_refund_queue"
            ),
            models.Index(fields=["team", "-asked_at"], name="generation_refund_by_team"),
        ]

    def __str__(self) -> str:
        return f"{self.price} credits for result {self.output_id}"
