"""Wishes for credits that somebody else decides about, and corrections that need a second person."""

from __future__ import annotations

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from teams.models.people import Team, User


class CreditRequest(models.Model):
    """A member asks the team's admins for a larger budget, or the team asks the operator for credits."""

    class Addressee(models.TextChoices):
        ADMINS = "admins", _("The team's admins")
        OPERATOR = "operator", _("The operator")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        APPROVED = "approved", _("Approved")
        DECLINED = "declined", _("Declined")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="credit_requests")
    addressee = models.CharField(max_length=8, choices=Addressee)
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    amount = models.PositiveBigIntegerField(help_text=_("Credits asked for."))
    reason = models.CharField(max_length=200)
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True)
    approved_amount = models.PositiveBigIntegerField(null=True)
    note = models.CharField(max_length=200, blank=True, help_text=_("What the decider says to it."))

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=Q(amount__gt=0), name="teams_creditrequest_of_something"
            ),
            models.CheckConstraint(
                condition=Q(state="open", decided_at=None) | ~Q(state="open"),
                name="teams_creditrequest_open_is_undecided",
            ),
            models.CheckConstraint(
                condition=Q(state="approved", approved_amount__gt=0)
                | (~Q(state="approved") & Q(approved_amount=None)),
                name="teams_creditrequest_amount_iff_approved",
            ),
            models.UniqueConstraint(
                fields=["team", "asked_by", "addressee"],
                condition=Q(state="open"),
                name="teams_creditrequest_one_open_each",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "-asked_at"], name="teams_request_by_team"),
            models.Index(
                fields=["addressee", "asked_at"],
                condition=Q(state="open"),
                name="teams_request_queue",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} credits for {self.team}"


class PendingAdjustment(models.Model):
    """A correction of a balance above the set amount: it counts once a second operator agrees."""

    class State(models.TextChoices):
        PENDING = "pending", _("Waits for a second operator")
        APPROVED = "approved", _("Approved")
        DECLINED = "declined", _("Declined")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="pending_adjustments")
    amount = models.BigIntegerField(help_text=_("Credits to add; below zero: to take away."))
    reason = models.CharField(max_length=200)
    reference = models.CharField(max_length=100, blank=True)
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    asked_by = models.CharField(max_length=254)
    asked_at = models.DateTimeField(auto_now_add=True)
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-asked_at"]
        constraints = [
            models.CheckConstraint(
                condition=~Q(amount=0), name="teams_pendingadjustment_of_something"
            ),
            models.CheckConstraint(
                condition=Q(state="pending", decided_by="")
                | (~Q(state="pending") & ~Q(decided_by="") & ~Q(decided_by=models.F("asked_by"))),
                name="teams_pendingadjustment_by_two_people",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount:+d} credits for {self.team}"
