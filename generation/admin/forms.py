"""Forms of the operator: a rule about prices, an answer to a team that wants credits back."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django import forms
from django.utils.timezone import get_current_timezone_name
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from generation.models import PriceRule
from generation.operations import OPERATIONS
from generation.operators.price_rules import MOST_CREDITS, MOST_PERCENT
from generation.prices import ALL, name_of
from teams.days import check_day

PERCENT, UNIT = "percent", "unit"


class PriceRuleForm(forms.Form):
    """What results cost teams, from when on and why."""

    offer = forms.ChoiceField(label=gettext_lazy("For"), required=False)
    way = forms.ChoiceField(
        label=gettext_lazy("How"),
        choices=[
            (PERCENT, gettext_lazy("Per cent of the provider's price, rounded up")),
            (UNIT, gettext_lazy("Credits per result, whatever the settings are")),
        ],
    )
    figure = forms.IntegerField(
        label=gettext_lazy("Figure"), min_value=0, max_value=MOST_CREDITS, localize=False
    )
    effective_at = forms.DateTimeField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}, "%Y-%m-%dT%H:%M"),
        validators=[check_day],
    )
    reason = forms.CharField(
        label=gettext_lazy("Reason"),
        max_length=200,
        help_text=gettext_lazy("For the other operators; teams do not see it."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offers: Any = self.fields["offer"]
        offers.choices = [(ALL, _("All offers without a rule of their own")), *_offers()]
        self.fields["effective_at"].help_text = _("Empty: from now on. Time zone: %(zone)s.") % {
            "zone": get_current_timezone_name()
        }

    def clean(self) -> dict[str, Any]:
        """Refuse a share that is beyond all measure."""
        values = super().clean() or self.cleaned_data
        if values.get("way") == PERCENT and (values.get("figure") or 0) > MOST_PERCENT:
            self.add_error("figure", _("At most %(most)d per cent.") % {"most": MOST_PERCENT})
        return values

    @property
    def terms(self) -> dict[str, Any]:
        """What a valid form says, as `add_rule` takes it."""
        values = self.cleaned_data
        is_share = values["way"] == PERCENT
        return {
            "offer": values["offer"],
            "percent": values["figure"] if is_share else None,
            "unit": None if is_share else values["figure"],
            "effective_at": values["effective_at"],
            "reason": values["reason"],
        }

    def rule(self, at: datetime) -> PriceRule:
        """The rule that a valid form describes, not saved."""
        terms = self.terms
        return PriceRule(**{**terms, "effective_at": terms["effective_at"] or at})


def _offers() -> Iterable[tuple[str, list[tuple[str, str]]]]:
    for row in OPERATIONS.values():
        yield str(row.label), [(name_of(row.name, offer), str(offer.label)) for offer in row.offers]


class RefundDecisionForm(forms.Form):
    """How many credits come back, and what the operator says to it."""

    amount = forms.IntegerField(
        label=gettext_lazy("Credits to return"), min_value=1, required=False, localize=False
    )
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=200,
        required=False,
        help_text=gettext_lazy("The team reads it. Needed where nothing comes back."),
    )

    def __init__(self, *args: Any, price: int, declines: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._price = price
        self._declines = declines
        self.fields["amount"].widget.attrs["max"] = price

    def clean(self) -> dict[str, Any]:
        """Refuse more than the result cost, and a refusal without a word."""
        values = super().clean() or self.cleaned_data
        if self._declines:
            if not values.get("note"):
                self.add_error("note", _("Say why nothing comes back: the team reads it."))
        elif "amount" not in self.errors and not 0 < (values.get("amount") or 0) <= self._price:
            self.add_error(
                "amount", _("Between 1 and %(price)d, what it cost.") % {"price": self._price}
            )
        return values
