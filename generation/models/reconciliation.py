"""The operator's money at providers: balances as they were read, and each day's accounts."""

from __future__ import annotations

from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from generation.models.providers import ProviderAccount


class BalanceReading(models.Model):
    """What a provider said that is left, in its own credits."""

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="balance_readings")
    at = models.DateTimeField(default=now)
    remaining = models.BigIntegerField()
    total = models.BigIntegerField(null=True)
    used = models.BigIntegerField(
        null=True, help_text=_("Where it is told: credits used in the provider's present period.")
    )

    class Meta:
        ordering = ["-at"]
        indexes = [models.Index(fields=["account", "-at"], name="generation_reading_latest")]

    def __str__(self) -> str:
        return f"{self.remaining} at {self.at:%Y-%m-%d %H:%M}"


class Reconciliation(models.Model):
    """One provider account on one day (UTC), in the provider's credits.

    `expected` is what our attempts say that it should have charged, `reported` what its balance
    went down by, `difference` reported less expected, `topped_up` what was added meanwhile, and
    `unexplained` what is left of the difference once suspected costs are taken off.
    """

    account = models.ForeignKey(ProviderAccount, models.CASCADE, related_name="reconciliations")
    day = models.DateField()
    expected = models.BigIntegerField()
    reported = models.BigIntegerField(null=True, help_text=_("Empty: it was not read that day."))
    topped_up = models.BigIntegerField(default=0)
    suspected = models.BigIntegerField(default=0)
    difference = models.BigIntegerField(null=True)
    unexplained = models.BigIntegerField(null=True)
    details = models.JSONField(default=list, blank=True)
    alerted_at = models.DateTimeField(null=True)
    made_at = models.DateTimeField(default=now)

    class Meta:
        ordering = ["-day", "account_id"]
        constraints = [
            models.UniqueConstraint(
                fields=["account", "day"], name="generation_reconciliation_once_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.account}, {self.day}"
