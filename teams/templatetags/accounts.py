"""Template tags of the account pages."""

from __future__ import annotations

from django import template
from django.conf import settings

register = template.Library()


@register.simple_tag
def signup_is_open() -> bool:
    """Whether anybody may open an account here."""
    return bool(settings.SIGNUP_OPEN)
