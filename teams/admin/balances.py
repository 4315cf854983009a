"""Balances and the checks of the ledger, to look at."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.admin.read_only import ReadOnlyAdmin
from teams.models import CreditAccount, LedgerCheck


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


@admin.register(LedgerCheck)
class LedgerCheckAdmin(ReadOnlyAdmin):
    """What each check of the ledger read, and what did not add up."""

    list_display = ("at", "adds_up", "read", "found", "took")
    fields = ("at", "adds_up", "read", "took", "sentences")

    @admin.display(description=gettext_lazy("adds up"), boolean=True)
    def adds_up(self, check: LedgerCheck) -> bool:
        """Whether nothing differed."""
        return not check.differences

    @admin.display(description=gettext_lazy("entries"), ordering="entries")
    def read(self, check: LedgerCheck) -> str:
        """How many entries were added up."""
        return str(intcomma(check.entries))

    @admin.display(description=gettext_lazy("differences"))
    def found(self, check: LedgerCheck) -> int:
        """How many sentences there are about it."""
        return len(check.differences)

    @admin.display(description=gettext_lazy("seconds"))
    def took(self, check: LedgerCheck) -> str:
        """How long it took."""
        return f"{check.seconds:.1f}"

    @admin.display(description=gettext_lazy("differences"))
    def sentences(self, check: LedgerCheck) -> str:
        """What differs, one line each."""
        if not check.differences:
            return _("None.")
        lines = ((sentence,) for sentence in check.differences)
        return format_html_join(mark_safe("<br>"), "{}", lines)
