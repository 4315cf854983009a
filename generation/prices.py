"""What a result costs teams at a moment: the operator's rule in force, else the offer's formula.

The formulas (`generation/operations/prices.py`) are the providers' own prices. A rule for one offer
goes before a rule for all; of each the latest counts. A job keeps the price it was quoted.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.utils.timezone import now

from generation.models import PriceRule
from generation.operations import Ask, Offer, Quote

ALL = ""
"""The name of the rule for every offer that has none of its own."""


@dataclass(frozen=True, slots=True)
class PriceList:
    """The rules in force at one moment, by the offer that they are for (`name_of`, or ALL)."""

    rules: Mapping[str, PriceRule]

    def rule_for(self, operation: str, offer: Offer) -> PriceRule | None:
        """The rule that tells the offer's price; None: the formula does."""
        return self.rules.get(name_of(operation, offer)) or self.rules.get(ALL)

    def quote(self, operation: str, offer: Offer, ask: Ask | None = None) -> Quote:
        """The price of one job for teams, in credits; without `ask` that of the defaults."""
        formula = offer.quote(ask)
        rule = self.rule_for(operation, offer)
        if rule is None:
            return formula
        return replace(
            formula, unit=unit_by(rule, formula.unit), version=_version(rule, formula.version)
        )

    def with_rule(self, rule: PriceRule) -> PriceList:
        """The list as it would be with one rule more."""
        return PriceList({**self.rules, rule.offer: rule})


def prices_at(at: datetime | None = None) -> PriceList:
    """The price list at a moment, now if none is given. One query."""
    rules = PriceRule.objects.filter(withdrawn_at=None, effective_at__lte=at or now())
    # In this order the latest of each offer is what remains. Operators make few rules.
    return PriceList({rule.offer: rule for rule in rules.order_by("effective_at", "pk")})


def name_of(operation: str, offer: Offer) -> str:
    """What rules call an offer: "swap_model/fashn"."""
    return f"{operation}/{offer.name}"


def unit_by(rule: PriceRule, formula: int) -> int:
    """Credits per result by a rule, where the formula says `formula`; shares are rounded up."""
    if rule.unit is not None:
        return rule.unit
    return -(-formula * (rule.percent or 0) // 100)


def _version(rule: PriceRule, formula: str) -> str:
    # A share is of that formula; an amount is by the rule alone.
    name = f"rule-{rule.pk}"
    return name if rule.percent is None else f"{name}/{formula}"
