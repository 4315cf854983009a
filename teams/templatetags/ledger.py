"""Template filters of the ledger."""

from __future__ import annotations

from collections.abc import Mapping

from django import template
from django.contrib.humanize.templatetags.humanize import intcomma

register = template.Library()

MINUS = "\N{MINUS SIGN}"
NONE = "\N{EN DASH}"
#: Actors that are no person; to a team they are the product itself.
OWN_ACTORS = frozenset({"engine", "setup", "manage.py create_team"})


@register.filter
def signed(amount: int) -> str:
    """A movement as people read it, with a plus or a true minus sign; a dash for none."""
    if amount == 0:
        return NONE
    return f"{'+' if amount > 0 else MINUS}{intcomma(abs(amount))}"


@register.filter
def actor_name(actor: str, people: Mapping[str, str]) -> str:
    """Who moved credits, as `people` (names by address) knows them; else as it was written."""
    return "Diptych" if actor in OWN_ACTORS else people.get(actor, actor)
