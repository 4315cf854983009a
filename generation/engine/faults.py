"""Answers that may be one job's own fault: how often it is tried again before it fails.

The rule: an answer that is known to be about the account, its rate, its places or the connection
never counts against a job, however often it comes. One that may just as well be about this job's
own request counts, and with the eighth in a row the job fails and its credits go back.
"""

from __future__ import annotations

from django.utils.translation import gettext as _

from generation.engine.timing import back_off
from generation.providers.errors import Denied, NotTaken, Refused

MOST_TRIES = 8
"""Such answers in a row with which a job fails, 36 minutes after the first one."""

_CODES = frozenset({"InternalServerError", "storage"})
"""A 500 may mean a body that is too large or pictures that break the provider, a failing storage one
file that cannot be read."""


def may_be_its_own(failure: NotTaken) -> bool:
    """Whether the same job may meet this answer each time while all others are taken.

    Without a limit of its own it would come first in every turn and close the account again and
    again. Counted are a 500 of the provider's own, a storage that fails, and every 403 whose word or
    code neither the vendor's pages nor SELLERPIC_CODES explain, whatever its body says: it may be a
    firewall that dislikes this picture. Not counted are a full pool, a rate limit, a refused key
    (401, or a code that is known to mean it), an empty account and a host that cannot be reached.
    """
    return isinstance(failure, Denied) or failure.code in _CODES


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
