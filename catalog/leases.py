"""Short leases on rows that a worker has in hand, renewed for as long as it works on them.

So the row of a killed worker is free again within seconds, and a slow one keeps its own.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import DatabaseError, connection
from django.db.models import QuerySet
from django.utils.timezone import now

logger = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
_RENEW_EVERY = timedelta(seconds=2)
#: Not renewed beyond this. The work ends long before, even when it waits for two others first.
_LONGEST = timedelta(minutes=4)


@contextmanager
def kept(mine: QuerySet[Any], until: str) -> Iterator[None]:
    """Renew the lease of a claimed row from a thread of its own until the block ends.

    `mine` finds the row while it is this worker's, `until` is the field with the end of its lease.
    """
    over = threading.Event()
    keeper = threading.Thread(target=_renew, args=(mine, until, over), name="lease", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        over.set()
        keeper.join()  # What is written of the row next must not be renewed over.


def _renew(mine: QuerySet[Any], until: str, over: threading.Event) -> None:
    """Push the lease on until `over`, or until the row is not there to be found any more."""
    last = now() + _LONGEST
    try:
        while not over.wait(_RENEW_EVERY.total_seconds()) and now() < last:
            try:
                if not mine.update(**{until: now() + LEASE}):
                    return
            except DatabaseError:
                logger.warning("The lease of %s could not be renewed.", mine.model._meta.label)
    finally:
        connection.close()
