"""The engine lease and the sign of life that pages and probes read."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db.models import Q
from django.utils.timezone import now

from generation.models import EngineLease

LEASE_SECONDS = 5.0
"""Another engine takes over this long after the last renewal."""
ALIVE = timedelta(seconds=10)
"""Without a beat for this long no worker counts as running."""
_STANDBY_BEAT = timedelta(seconds=3)


def worker_is_alive(at: datetime | None = None) -> bool:
    """Whether some worker gave a sign of life in the last ten seconds."""
    return EngineLease.objects.filter(pk=1, beat_at__gt=(at or now()) - ALIVE).exists()


def hold_lease(holder: str, at: datetime, seconds: float = LEASE_SECONDS) -> bool:
    """Take or renew the lease and leave a beat. False: another engine works now."""
    mine = Q(holder=holder) | Q(until__lte=at)
    row = EngineLease.objects.filter(pk=1)
    if row.filter(mine).update(holder=holder, until=at + timedelta(seconds=seconds), beat_at=at):
        return True
    if not row.exists():
        EngineLease.objects.get_or_create(pk=1, defaults={"until": at})
        return hold_lease(holder, at, seconds)
    row.filter(Q(beat_at=None) | Q(beat_at__lt=at - _STANDBY_BEAT)).update(beat_at=at)
    return False


def release_lease(holder: str, at: datetime) -> None:
    """Let another engine take over at once."""
    EngineLease.objects.filter(pk=1, holder=holder).update(until=at, holder="")
