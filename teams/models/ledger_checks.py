"""What the nightly check of the ledger found."""

from __future__ import annotations

from django.db import models


class LedgerCheck(models.Model):
    """One run of `check_ledger`: how much it read, how long it took, what did not add up."""

    at = models.DateTimeField(auto_now_add=True)
    seconds = models.FloatField()
    entries = models.BigIntegerField()
    differences = models.JSONField(default=list, help_text="Sentences; none: all adds up.")

    class Meta:
        ordering = ["-at"]

    def __str__(self) -> str:
        return f"{self.entries} entries, {len(self.differences)} differences"
