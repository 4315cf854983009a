"""Answers that may be one job's own fault: how often it is tried again before it fails."""

from __future__ import annotations

from django.utils.translation import gettext as _

from generation.engine.timing import back_off
from generation.providers.errors import NotTaken, Refused

MOST_TRIES = 8
"""Such answers in a row with which a job fails, 36 minutes after the first one."""

_CODES = frozenset({"InternalServerError", "http_403", "storage"})
"""A 500 may mean a body that is too large or pictures that break the provider, a bare 403 a firewall
that dislikes them, a failing storage one file that cannot be read."""


def may_be_its_own(failure: NotTaken) -> bool:
    """Whether the same job may meet this answer each time while all others are taken.

    Without a limit of its own it would come first in every turn and close the account again and
    again. A full pool, a rate limit, a refused key and an empty account are no fault of a job.
    """
    return failure.code in _CODES


def pause_after(tries: int) -> float:
    """Seconds until such a job is sent again: 2, 6, 18 and so on, to outlast a short outage."""
    return back_off(tries - 1, first=2, most=1800, factor=3)


def tried_too_often(failure: NotTaken) -> Refused:
    """What the job fails with."""
    message = _("%(reason)s It was tried %(n)d times; the credits were returned.")
    return Refused(
        message % {"reason": failure.message, "n": MOST_TRIES},
        code=failure.code,
        trace_id=failure.trace_id,
    )
