"""By what an operator picks teams from the list: how they stand, who owns them, what is left."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from teams.models import Membership, Role, Team
from teams.work_figures import DAYS

#: How many days' spend a team should have left.
LOW_DAYS = 7


class OwnedFilter(admin.SimpleListFilter):
    """Teams that somebody owns, or nobody yet."""

    title = gettext_lazy("owner")
    parameter_name = "owned"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Both kinds."""
        return [("no", _("Nobody yet")), ("yes", _("Somebody"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> QuerySet[Team]:
        """The teams of the chosen kind."""
        if self.value() in ("yes", "no"):
            owners = Membership.objects.filter(role=Role.OWNER)
            owned = Q(pk__in=owners.values("team"))
            return queryset.filter(owned if self.value() == "yes" else ~owned)
        return queryset


class StandingFilter(admin.SimpleListFilter):
    """Teams at work, suspended ones and closed ones."""

    title = gettext_lazy("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """From working to closed."""
        return [
            ("working", _("At work")),
            ("suspended", _("Suspended")),
            ("closing", _("Being closed")),
            ("closed", _("Closed")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> QuerySet[Team]:
        """The teams that stand so."""
        kinds = {
            "working": Q(suspended_at=None),
            "suspended": Q(suspended_at__isnull=False, closing_at=None, closed_at=None),
            "closing": Q(closing_at__isnull=False, closed_at=None),
            "closed": Q(closed_at__isnull=False),
        }
        value = self.value()
        return queryset.filter(kinds[value]) if value in kinds else queryset


class BalanceFilter(admin.SimpleListFilter):
    """Teams that will soon want credits. Closed ones want none."""

    title = gettext_lazy("credits left")
    parameter_name = "left"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """None at all, or less than the team spends in LOW_DAYS days."""
        return [
            ("none", _("None")),
            ("low", _("Less than it spends in %(n)s days") % {"n": LOW_DAYS}),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Team]) -> QuerySet[Team]:
        """The teams of the chosen kind."""
        rows = queryset.annotate(
            left_over=F("credit_account__posted") - F("credit_account__held")
        ).filter(closed_at=None)
        if self.value() == "none":
            return rows.filter(left_over=0)
        if self.value() == "low":
            # In whole numbers: left / LOW_DAYS < spent / DAYS.
            return rows.annotate(left_by_days=F("left_over") * DAYS).filter(
                left_by_days__lt=F("spent_lately") * LOW_DAYS
            )
        return queryset
