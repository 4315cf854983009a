"""Template filters of the ledger."""

from __future__ import annotations

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma

register = template.Library()

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"


@register.filter
def signed(amount: int) -> str:
    """A movement as people read it, with a plus or a true minus sign; a dash for none."""
    if amount == 0:
        return NONE
    return f"{'+' if amount > 0 else MINUS}{intcomma(abs(amount))}"
