"""Forms of budgets and of requests for credits."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from teams.budget_changes import Limits
from teams.models import Budget
from teams.models.budgets import WARN_AT

#: What a month may be limited to, in credits.
LIMIT_MOST = 1_000_000_000
#: What one request may ask for, in credits: catches a slip of the finger.
REQUEST_MOST = 1_000_000


class BudgetForm(forms.Form):
    """One budget in the table of all; without a limit there is none."""

    limit = forms.IntegerField(
        label=_("Monthly limit"),
        min_value=0,
        max_value=LIMIT_MOST,
        required=False,
        localize=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "placeholder": _("No limit")}),
    )
    warn_at = forms.IntegerField(
        label=_("Warn at, in %"),
        min_value=1,
        max_value=100,
        required=False,
        localize=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    is_hard = forms.BooleanField(label=_("Stop launches at the limit"), required=False)

    def __init__(self, data: Any = None, *, budget: Budget | None, prefix: str) -> None:
        initial = {
            "limit": budget.limit if budget else None,
            "warn_at": budget.warn_at if budget else WARN_AT,
            "is_hard": budget.is_hard if budget else True,
        }
        super().__init__(data, initial=initial, prefix=prefix)

    def wish(self) -> Limits | None:
        """What a valid form asks for; None for no budget."""
        data = self.cleaned_data
        if data["limit"] is None:
            return None
        return Limits(data["limit"], data["warn_at"] or WARN_AT, data["is_hard"])


class RequestForm(forms.Form):
    """How many credits somebody asks for, and why."""

    amount = forms.IntegerField(
        label=_("Credits"),
        min_value=1,
        max_value=REQUEST_MOST,
        localize=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=200,
        help_text=_("What they are for. Whoever decides reads it."),
    )


class DecisionForm(forms.Form):
    """Yes with an amount, or no; either with a note."""

    decision = forms.ChoiceField(choices=[("approve", _("Approve")), ("decline", _("Decline"))])
    amount = forms.IntegerField(
        label=_("Credits to allow"),
        min_value=1,
        max_value=REQUEST_MOST,
        required=False,
        localize=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
    )
    note = forms.CharField(label=_("Note"), max_length=200, required=False)

    def clean(self) -> dict[str, Any]:
        """An approval says how much."""
        data = super().clean() or {}
        if (
            data.get("decision") == "approve"
            and data.get("amount") is None
            and "amount" not in self.errors
        ):
            self.add_error("amount", _("Enter how many credits you allow."))
        return data
