"""A team's credits: one account row, and the append-only entries that moved it.

Rules that the database itself keeps (constraints here, triggers in `teams/ledger_triggers.py`):
available credits (posted - held) never fall below zero; every entry moves the account by
exactly its two amounts and one sequence number; entries are never changed or deleted; a job has at
most one hold and one settlement. `teams/credits.py` is the only writer.
"""

from __future__ import annotations

from datetime import datetime

from django.db import models
from django.db.models import F, Q, Sum
from django.utils.translation import gettext_lazy as _

from teams.models.people import Team


class CreditAccount(models.Model):
    """The balance of one team, in credits. `seq` counts its entries."""

    team = models.OneToOneField(Team, models.PROTECT, related_name="credit_account")
    posted = models.BigIntegerField(default=0, editable=False)
    held = models.BigIntegerField(default=0, editable=False)
    seq = models.BigIntegerField(default=0, editable=False)

    class Meta:
        permissions = [
            ("grant_credits", _("Can grant credits to teams")),
            ("adjust_credits", _("Can correct balances and end grants")),
            ("refund_credits", _("Can credit back what jobs spent")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(held__gte=0), name="teams_creditaccount_held_not_negative"
            ),
            models.CheckConstraint(
                condition=Q(posted__gte=F("held")), name="teams_creditaccount_never_overspent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.team}: {self.available} credits"

    @property
    def available(self) -> int:
        """Credits that can be held for new jobs."""
        return self.posted - self.held


class LedgerEntryQuerySet(models.QuerySet["LedgerEntry"]):
    """Reads of entries."""

    def for_team(self, team: Team) -> LedgerEntryQuerySet:
        """The team's entries, newest first."""
        return self.filter(account__team=team).order_by("-seq")

    def since(self, moment: datetime) -> LedgerEntryQuerySet:
        """Entries written at this moment or later."""
        return self.filter(at__gte=moment)

    def spent(self) -> int:
        """Credits that settlements took for good, less what was credited back."""
        moved = self.filter(kind__in=["settle", "refund"]).aggregate(sum=Sum("d_posted"))["sum"]
        return -(moved or 0)


class LedgerEntry(models.Model):
    """One movement of an account, in credits. Appended, never changed.

    `d_posted` and `d_held` are what it adds; `posted_after` and `held_after` what the account held
    then. `job` is the job's id as text, so that money does not depend on generation.
    """

    class Kind(models.TextChoices):
        GRANT = "grant", _("Granted")
        HOLD = "hold", _("Held")
        SETTLE = "settle", _("Spent or returned")
        REFUND = "refund", _("Credited back")
        EXPIRE = "expire", _("Ended")
        ADJUST = "adjust", _("Adjusted")

    account = models.ForeignKey(CreditAccount, models.PROTECT, related_name="entries")
    seq = models.BigIntegerField()
    kind = models.CharField(max_length=6, choices=Kind)
    d_posted = models.BigIntegerField()
    d_held = models.BigIntegerField()
    posted_after = models.BigIntegerField()
    held_after = models.BigIntegerField()
    job = models.CharField(max_length=36, blank=True)
    key = models.CharField(max_length=100, help_text=_("Counts once per account."))
    actor = models.CharField(max_length=254)
    reason = models.CharField(max_length=200, blank=True)
    reference = models.CharField(max_length=100, blank=True, default="", db_default="")
    price_version = models.CharField(max_length=40, blank=True)
    at = models.DateTimeField(auto_now_add=True)

    objects = LedgerEntryQuerySet.as_manager()

    class Meta:
        ordering = ["-seq"]
        verbose_name_plural = "ledger entries"
        constraints = [
            models.UniqueConstraint(
                fields=["account", "seq"], name="teams_ledgerentry_sequence_without_doubles"
            ),
            models.UniqueConstraint(fields=["account", "key"], name="teams_ledgerentry_key_once"),
            models.UniqueConstraint(
                fields=["job"], condition=Q(kind="hold"), name="teams_ledgerentry_one_hold_per_job"
            ),
            models.UniqueConstraint(
                fields=["job"],
                condition=Q(kind="settle"),
                name="teams_ledgerentry_one_settlement_per_job",
            ),
            models.CheckConstraint(
                name="teams_ledgerentry_shape_fits_kind",
                condition=(
                    Q(kind__in=["grant", "refund"], d_posted__gt=0, d_held=0)
                    | Q(kind="hold", d_posted=0, d_held__gt=0)
                    | Q(kind="settle", d_held__lt=0, d_posted__lte=0, d_posted__gte=F("d_held"))
                    | Q(kind="expire", d_posted__lt=0, d_held=0)
                    | (Q(kind="adjust", d_held=0) & ~Q(d_posted=0))
                ),
            ),
            models.CheckConstraint(
                name="teams_ledgerentry_job_named_where_needed",
                condition=Q(kind__in=["hold", "settle"], job__gt="")
                | ~Q(kind__in=["hold", "settle"]),
            ),
        ]
        indexes = [
            models.Index(fields=["job"], name="teams_entry_by_job"),
            models.Index(fields=["account", "at"], name="teams_entry_by_time"),
            models.Index(fields=["account", "actor", "seq"], name="teams_entry_by_actor"),
            # The kinds that are few among a million holds and settlements; they alone hold nothing.
            models.Index(
                fields=["account", "kind", "seq"], condition=Q(d_held=0), name="teams_entry_of_few"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.d_posted:+d}/{self.d_held:+d} ({self.key})"

    @property
    def available_after(self) -> int:
        """Credits that could be held for new jobs after this movement."""
        return self.posted_after - self.held_after
