"""Where a team's credits came from, and which of them a hold took.

A grant is credits with a date on which they begin and perhaps one on which they end. Available
credits are always the sum of what the grants in force have left: `teams/credits.py` moves both in
one transaction, and `check_ledger` proves it.
"""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from teams.models.credits import CreditAccount


class GrantQuerySet(models.QuerySet["Grant"]):
    """Reads of grants."""

    def spendable(self) -> GrantQuerySet:
        """Those with credits left, in the order in which holds take them.

        Lowest priority number first, then what ends soonest (what never ends comes last), then
        promotional before paid, then the oldest.
        """
        return self.filter(remaining__gt=0).order_by(
            "priority", F("expires_at").asc(nulls_last=True), "-kind", "pk"
        )


class Grant(models.Model):
    """Credits that a team was given. All amounts are whole credits.

    `remaining` is what nobody holds or spent. A grant that begins later has 0 left until it takes
    effect; one that ended has 0 left for good.
    """

    class Kind(models.TextChoices):
        PAID = "paid", _("Paid")
        PROMOTIONAL = "promotional", _("Promotional")
        RETURNED = "returned", _("Credited back")

    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="grants")
    kind = models.CharField(max_length=11, choices=Kind, default=Kind.PAID)
    amount = models.BigIntegerField()
    remaining = models.BigIntegerField(default=0, editable=False)
    priority = models.PositiveSmallIntegerField(
        default=50, help_text=_("Grants of a lower number are used first.")
    )
    effective_at = models.DateTimeField(default=now)
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text=_("What is left then is taken back. Empty: never.")
    )
    posted_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When it took effect and was counted.")
    )
    expired_at = models.DateTimeField(null=True, editable=False)
    voided_at = models.DateTimeField(
        null=True, editable=False, help_text=_("Withdrawn before it took effect.")
    )
    announced_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When people were told that it ends soon.")
    )
    key = models.CharField(max_length=100, help_text=_("Counts once per account."))
    actor = models.CharField(max_length=254)
    reason = models.CharField(max_length=200, blank=True)
    reference = models.CharField(
        max_length=100, blank=True, help_text=_("An invoice, an order or a ticket.")
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = GrantQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["account", "key"], name="teams_grant_key_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="teams_grant_of_something"),
            models.CheckConstraint(
                condition=Q(remaining__gte=0, remaining__lte=F("amount")),
                name="teams_grant_remaining_within_amount",
            ),
            models.CheckConstraint(
                condition=Q(expires_at=None) | Q(expires_at__gt=F("effective_at")),
                name="teams_grant_ends_after_it_begins",
            ),
            models.CheckConstraint(
                condition=Q(remaining=0)
                | Q(posted_at__isnull=False, expired_at=None, voided_at=None),
                name="teams_grant_remaining_only_in_force",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "priority", "expires_at"],
                condition=Q(remaining__gt=0),
                name="teams_grant_spendable",
            ),
            models.Index(
                fields=["effective_at"],
                condition=Q(posted_at=None, voided_at=None),
                name="teams_grant_to_post",
            ),
            models.Index(
                fields=["expires_at"],
                condition=Q(expires_at__isnull=False, expired_at=None, voided_at=None),
                name="teams_grant_to_expire",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}, {self.amount} credits"


class HoldUse(models.Model):
    """How many credits of one grant the hold of a job took, and how many of them were spent."""

    grant = models.ForeignKey(Grant, models.PROTECT, related_name="uses")
    job = models.CharField(max_length=36)
    amount = models.BigIntegerField()
    captured = models.BigIntegerField(
        null=True, help_text=_("Credits of it that were spent; empty while the job is unfinished.")
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "grant"], name="teams_holduse_once_per_grant"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="teams_holduse_of_something"),
            models.CheckConstraint(
                condition=Q(captured=None) | Q(captured__gte=0, captured__lte=F("amount")),
                name="teams_holduse_captured_within_amount",
            ),
        ]
        indexes = [
            models.Index(fields=["grant"], condition=Q(captured=None), name="teams_holduse_open"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} credits for {self.job}"
