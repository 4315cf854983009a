"""Counts how often someone does something, and says when that is too often."""

from __future__ import annotations

import time

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest

from teams.models import User


def rate_limited(who: HttpRequest | User, name: str, limit: int, seconds: int) -> bool:
    """Count one more `name` by this person and tell whether it is over `limit` per `seconds`.

    People are counted by account; visitors by address (only as many proxies are believed as the
    settings name). Windows are fixed, so a burst over a window's edge may pass twice the limit. The
    count is exact on Redis and in memory; the database cache may lose single counts of requests of
    the very same moment, which only makes the limit a little kinder.
    """
    window = int(time.time()) // seconds
    key = f"rate:{name}:{_identity(who)}:{window}"
    cache.add(key, 0, timeout=seconds * 2)
    try:
        count = cache.incr(key)
    except ValueError:  # Evicted between the two calls.
        return False
    # The database cache lets a number that was counted up expire after its default time, which is
    # shorter than an hour's window.
    cache.touch(key, timeout=seconds * 2)
    return count > limit


def _identity(who: HttpRequest | User) -> str:
    if isinstance(who, User):
        return f"user-{who.pk}"
    if isinstance(who.user, User):
        return f"user-{who.user.pk}"
    return f"ip-{get_adapter(who).get_client_ip(who)}"
