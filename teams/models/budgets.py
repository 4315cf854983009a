"""How much a team, or one member of it, may spend in a month, and what was spent of it.

A month is that of the team's time zone. The counters move in the transaction of the hold, by
conditional UPDATE; credits that come back go to the month of their hold.
"""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from teams.models.people import Team, User

WARN_AT = 80
"""Per cent of a limit at which people are warned by default; 100 % always warns."""


class Budget(models.Model):
    """A monthly limit in credits: of the whole team where no member is named, else of the member."""

    team = models.ForeignKey(Team, models.CASCADE, related_name="budgets")
    member = models.ForeignKey(User, models.CASCADE, null=True, blank=True, related_name="budgets")
    limit = models.PositiveBigIntegerField(help_text=_("Credits per month."))
    warn_at = models.PositiveSmallIntegerField(
        default=WARN_AT,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text=_("Per cent of the limit at which the admins are told."),
    )
    is_hard = models.BooleanField(
        default=True, help_text=_("Launches beyond the limit are refused, not only announced.")
    )
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["team"], condition=Q(member=None), name="teams_budget_one_of_the_team"
            ),
            models.UniqueConstraint(fields=["team", "member"], name="teams_budget_one_per_member"),
            models.CheckConstraint(
                condition=Q(warn_at__gte=1, warn_at__lte=100), name="teams_budget_warns_in_per_cent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.limit} credits a month for {self.member or self.team}"


class BudgetPeriod(models.Model):
    """One month of one budget. `used` counts held and spent credits; `extra` was granted for it."""

    budget = models.ForeignKey(Budget, models.CASCADE, related_name="periods")
    starts = models.DateField(help_text=_("First day of the month in the team's time zone."))
    used = models.BigIntegerField(default=0, editable=False)
    extra = models.BigIntegerField(
        default=0, help_text=_("Credits beyond the limit, for this month alone.")
    )
    warned_at = models.DateTimeField(null=True, editable=False)
    exhausted_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When it was announced that the limit is reached.")
    )

    class Meta:
        ordering = ["-starts"]
        constraints = [
            models.UniqueConstraint(fields=["budget", "starts"], name="teams_budgetperiod_once"),
            models.CheckConstraint(
                condition=Q(used__gte=0), name="teams_budgetperiod_used_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(extra__gte=0), name="teams_budgetperiod_extra_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.budget}, from {self.starts}"


class BudgetUse(models.Model):
    """Credits of a month's budget that the hold of a job took, less what came back."""

    period = models.ForeignKey(BudgetPeriod, models.CASCADE, related_name="uses")
    job = models.CharField(max_length=36)
    amount = models.BigIntegerField()
    captured = models.BigIntegerField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "period"], name="teams_budgetuse_once"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="teams_budgetuse_of_something"),
            models.CheckConstraint(
                condition=Q(captured=None) | Q(captured__gte=0, captured__lte=F("amount")),
                name="teams_budgetuse_captured_within_amount",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} credits for {self.job}"
