"""Template tags of the account pages."""

from __future__ import annotations

from django import template
from django.conf import settings

from teams.models import User

register = template.Library()


@register.simple_tag
def signup_is_open() -> bool:
    """Whether anybody may open an account here."""
    return bool(settings.SIGNUP_OPEN)


@register.simple_tag
def nobody_is_here() -> bool:
    """Whether this installation has no account at all yet."""
    return not User.objects.exists()
