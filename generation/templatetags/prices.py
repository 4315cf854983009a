"""Template filters of prices: what rules are for and say, and spans of prices."""

from __future__ import annotations

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma

from generation.models import PriceRule
from generation.operators.price_table import label_of, words_of

register = template.Library()


@register.filter
def offer_words(name: str) -> str:
    """What a rule is for: "Swap fashion model, FASHN"."""
    return label_of(name)


@register.filter
def rule_words(rule: PriceRule) -> str:
    """What a rule says: "150 % of the provider's price"."""
    return words_of(rule)


@register.filter
def span(ends: tuple[int, int]) -> str:
    """The least and the highest with a dash, or "4" where both are the same."""
    least, most = ends
    return (
        str(intcomma(least)) if least == most else f"{intcomma(least)} \N{EN DASH} {intcomma(most)}"
    )
