"""Balances and the ledger, to look at."""

from __future__ import annotations

from typing import cast

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from teams.admin.read_only import ReadOnlyAdmin
from teams.models import CreditAccount, LedgerEntry
from teams.templatetags.ledger import signed


@admin.register(CreditAccount)
class CreditAccountAdmin(ReadOnlyAdmin):
    """Balances, to look at."""

    list_display = ("team", "available", "balance", "held_credits", "entries")
    search_fields = ("team__name", "team__slug")
    list_select_related = ("team",)

    @admin.display(description=gettext_lazy("balance with held credits"), ordering="posted")
    def balance(self, account: CreditAccount) -> int:
        """Granted less spent, in credits."""
        return account.posted

    @admin.display(description=gettext_lazy("held by unfinished jobs"), ordering="held")
    def held_credits(self, account: CreditAccount) -> int:
        """Credits that unfinished jobs hold."""
        return account.held

    @admin.display(description=gettext_lazy("ledger entries"), ordering="seq")
    def entries(self, account: CreditAccount) -> int:
        """How many entries the ledger has."""
        return account.seq


@admin.register(LedgerEntry)
class LedgerEntryAdmin(ReadOnlyAdmin):
    """Every movement of credits, newest first."""

    list_display = (
        "at", "team", "number", "kind", "moved", "moved_held", "balance", "held_then", "actor",
        "reason", "job",
    )  # fmt: skip
    list_filter = ("kind",)
    search_fields = ("job", "key", "actor", "account__team__slug")
    list_select_related = ("account__team",)
    ordering = ("-at", "-pk")

    @admin.display(description=gettext_lazy("team"))
    def team(self, entry: LedgerEntry) -> str:
        """Whose account moved."""
        return entry.account.team.slug

    @admin.display(description=gettext_lazy("no."))
    def number(self, entry: LedgerEntry) -> int:
        """The entry's number in its account."""
        return entry.seq

    @admin.display(description=gettext_lazy("credits"))
    def moved(self, entry: LedgerEntry) -> str:
        """What it added to the balance or took from it."""
        return signed(entry.d_posted)

    @admin.display(description=gettext_lazy("held"))
    def moved_held(self, entry: LedgerEntry) -> str:
        """What it held or released."""
        return signed(entry.d_held)

    @admin.display(description=gettext_lazy("balance then"))
    def balance(self, entry: LedgerEntry) -> int:
        """The balance after it, with what was held."""
        return entry.posted_after

    @admin.display(description=gettext_lazy("held then"))
    def held_then(self, entry: LedgerEntry) -> int:
        """What was held after it."""
        return entry.held_after

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        """The team's page links here with its account."""
        return lookup == "account__id__exact" or super().lookup_allowed(
            lookup, value, cast(HttpRequest, request)
        )
