"""Links to stored pictures."""

from django import template

register = template.Library()
