"""What teams spent, by day and by what they spent it on: sums that grow with every settled job."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from teams.models import Team


class UsageDay(models.Model):
    """Credits captured by a team's jobs on one day of its time zone, for one value of one dimension.

    Every settled job that cost or made something counts once in each dimension that it has a value
    for, so that each dimension adds up by itself. Added to in the transaction of the settlement
    (`generation/usage.py`), never rewritten: a refund changes no row.
    """

    class Dimension(models.TextChoices):
        OPERATION = "operation", _("Operation")
        MEMBER = "member", _("Member")
        PRODUCT = "product", _("Product")
        PRESET = "preset", _("Preset")
        PROVIDER = "provider", _("Provider")

    team = models.ForeignKey(Team, models.CASCADE, related_name="usage_days")
    day = models.DateField()
    dimension = models.CharField(max_length=9, choices=Dimension)
    value = models.CharField(
        max_length=40, help_text=_("The operation's or provider's name, or the id of the row.")
    )
    captured = models.BigIntegerField(default=0)
    outputs = models.PositiveIntegerField(default=0)
    jobs = models.PositiveIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team", "dimension", "day", "value"], name="generation_usageday_once"
            ),
            models.CheckConstraint(
                condition=Q(captured__gte=0), name="generation_usageday_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team}, {self.day}: {self.value}"
