"""Template tags that every page may use: icons, credits, times, addresses of the shell, pagers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

import lucide
from django import template
from django.contrib.humanize.templatetags.humanize import intcomma
from django.contrib.messages.storage.base import Message
from django.forms import BoundField
from django.template.defaultfilters import filesizeformat
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import get_text_list
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from teams.models import Team, User

register = template.Library()

MINUTE = 60
HOUR = 60 * MINUTE
DAY = 24 * HOUR


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """A lucide icon as inline SVG: decoration, or an image with a name when `label` is given.

    An unknown name raises, so that the page's own test finds it.
    """
    svg = _drawn(str(name))
    if label:
        named = format_html('role="img" aria-label="{}"', label)
        svg = SafeString(svg.replace('aria-hidden="true"', named, 1))
    return svg


@lru_cache(maxsize=256)
def _drawn(name: str) -> SafeString:
    svg = lucide._render_icon(name, None, **{"class": "icon", "aria_hidden": "true"})
    return mark_safe(svg)  # noqa: S308 - drawn by the icon package from its own files


@register.simple_tag
def credits(amount: int) -> str:  # noqa: A001 - the tag's name is the product's word
    """An amount as people read it: "4 credits"."""
    return ngettext("%(n)s credit", "%(n)s credits", amount) % {"n": intcomma(amount)}


@register.simple_tag
def ago(moment: datetime | None) -> SafeString:
    """How long ago, with the full time as title. app.js keeps the words fresh."""
    if moment is None:
        return SafeString("")
    return format_html(
        '<time datetime="{}" title="{}" data-ago>{}</time>',
        moment.strftime("%Y-%m-%dT%H:%M:%S%z"),
        date_format(localtime(moment), "DATETIME_FORMAT"),
        _in_words(moment),
    )


def _in_words(moment: datetime) -> str:
    seconds = int((now() - moment).total_seconds())
    if seconds < MINUTE:
        return _("just now")
    if seconds < HOUR:
        n = seconds // MINUTE
        return ngettext("%(n)d minute ago", "%(n)d minutes ago", n) % {"n": n}
    if seconds < DAY:
        n = seconds // HOUR
        return ngettext("%(n)d hour ago", "%(n)d hours ago", n) % {"n": n}
    if seconds < 7 * DAY:
        n = seconds // DAY
        return ngettext("%(n)d day ago", "%(n)d days ago", n) % {"n": n}
    return date_format(localtime(moment), "DATE_FORMAT")


@register.filter
def file_size(count: int) -> str:
    """Bytes as people read them: "3.2 MB"."""
    return filesizeformat(count)


@register.filter
def capped(count: int, limit: int = 1000) -> str:
    """A count that was only read up to `limit` + 1: "1,000+" beyond it."""
    return f"{intcomma(limit)}+" if count > limit else str(intcomma(count))


@register.filter
def one_of(names: Iterable[object]) -> str:
    """Some names of which one is enough: "Ada, Kai or Mia"."""
    return get_text_list([str(name) for name in names], _("or"))


@register.filter
def all_of(names: Iterable[object]) -> str:
    """Some names that are all meant: "Ada, Kai and Mia"."""
    return get_text_list([str(name) for name in names], _("and"))


@register.filter
def initials(user: User) -> str:
    """Two letters that stand for a person."""
    words = (user.name or user.email.split("@")[0].replace(".", " ").replace("-", " ")).split()
    if not words:
        return "?"
    return words[0][:1] + (words[-1][:1] if len(words) > 1 else words[0][1:2])


@register.filter
def undo_url(message: Message) -> str:
    """The address that takes a message's act back.

    A view offers it by `messages.success(request, text, extra_tags=f"undo:{url}")`.
    """
    for tag in (message.extra_tags or "").split():
        if tag.startswith("undo:/"):
            return tag.removeprefix("undo:")
    return ""


@register.simple_tag
def team_section_url(team: Team, section: str) -> str:
    """The same section in another team; its products where the section is unknown."""
    names = {
        "studio": "generation:studio",
        "queue": "generation:queue",
        "review": "generation:review_list",
        "approved": "generation:approved",
        "credits": "generation:credits",
        "members": "teams:members",
    }
    for name in (names.get(section), "catalog:product_list"):
        if name is None:
            continue
        try:
            return reverse(name, args=[team.slug])
        except NoReverseMatch:
            continue
    return reverse("home")


@register.simple_tag(takes_context=True)
def query(context: template.Context, **changes: Any) -> str:
    """The page's query string with some values changed; an empty value drops its name.

    A change of what is listed starts at its first page: `after` and `before` go unless given.
    """
    values = {**context["request"].GET.dict(), "after": "", "before": ""}
    values.update({name: "" if value is None else str(value) for name, value in changes.items()})
    kept = {name: value for name, value in values.items() if value}
    return f"?{urlencode(kept)}" if kept else "?"


@register.simple_tag
def control(field: BoundField, **attributes: str) -> SafeString:
    """A form field's widget with the design's class, tied to its hint and its error.

    Attribute names take `_` for `-`; an empty value leaves the attribute out.
    """
    widget = getattr(field.field.widget, "input_type", "textarea")
    css = {"select": "select", "textarea": "textarea", "checkbox": "checkbox"}.get(widget, "input")
    extra: dict[str, Any] = {name.replace("_", "-"): value for name, value in attributes.items()}
    extra["class"] = f"{css} {extra.get('class', '')}".strip()
    described = [f"{field.auto_id}_hint"] if field.help_text else []
    if field.errors:
        extra["aria-invalid"] = "true"
        described.append(f"{field.auto_id}_error")
    # Django names its own ids there; ours cover them.
    extra["aria-describedby"] = " ".join(described) or None
    # An empty text takes away what the widget brings itself: Django leaves out what is False.
    return field.as_widget(attrs={name: value or False for name, value in extra.items()})
