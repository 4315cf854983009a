"""Template tags of the operator's pages."""

from __future__ import annotations

from django import template

from teams.models import User
from teams.operator_desk import Desk, desk_of

register = template.Library()


@register.simple_tag
def operator_desk(user: User) -> Desk:
    """What waits for this operator, and whether the ledger adds up."""
    return desk_of(user)
