"""The operator's own prices, by date. Without one the formula of the offer counts."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _


class PriceRule(models.Model):
    """What a result of one offer costs teams from a date on: a share of the formula, or an amount.

    Rules are added, never changed once they count: a job keeps the price that it was quoted, and
    names the rule. The latest rule in force counts; 100 per cent goes back to the formula.
    """

    offer = models.CharField(
        max_length=80,
        help_text=_("Operation and offer, such as swap_model/fashn; empty: all."),
        blank=True,
    )
    percent = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Per cent of the formula's credits, rounded up.")
    )
    unit = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("Credits per result, whatever the options are.")
    )
    effective_at = models.DateTimeField(default=now)
    reason = models.CharField(max_length=200, blank=True)
    actor = models.CharField(max_length=254)
    created_at = models.DateTimeField(auto_now_add=True)
    withdrawn_at = models.DateTimeField(
        null=True, editable=False, help_text=_("Taken back before it counted.")
    )

    class Meta:
        ordering = ["-effective_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(percent__isnull=False, unit=None) | Q(percent=None, unit__isnull=False),
                name="generation_pricerule_percent_or_unit",
            ),
        ]
        indexes = [
            models.Index(fields=["offer", "-effective_at"], name="generation_price_in_force")
        ]

    def __str__(self) -> str:
        return f"{self.offer or '*'} from {self.effective_at:%Y-%m-%d}"
