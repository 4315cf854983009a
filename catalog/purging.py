"""Makes room: photos that were removed long ago and that no job used go for good, with their files.

Also says how full a team's storage is, since purging is the cure.
"""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import PROTECT, F, ManyToOneRel
from django.template.defaultfilters import filesizeformat
from django.utils.translation import gettext as _

from catalog.models import Asset
from catalog.storage import storage
from teams.models import Team

logger = logging.getLogger(__name__)

#: How long a removed photo can come back, and how often one in use is looked at again.
KEPT = timedelta(days=30)
_BATCH = 20


def purge_removed(at: datetime) -> int:
    """Purge what is due; returns how many photos went. Raises StorageError.

    Once due, a photo cannot be restored, so its files go first: after a crash the row is still
    there and is found again. No new job takes a removed photo; one that an old job uses is the
    original of its results, and is kept.
    """
    purged = 0
    due = Asset.objects.filter(purge_due_at__lte=at).order_by("purge_due_at")
    for asset in due.prefetch_related("renditions")[:_BATCH]:
        if _is_in_use(asset):
            due.filter(pk=asset.pk).update(purge_due_at=at + KEPT)
            continue
        for key in (*(rendition.key for rendition in asset.renditions.all()), asset.key):
            storage().delete(key)
        purged += _forget(asset)
    return purged


def storage_is_full(stored: int) -> str:
    """What to tell a team whose pictures have `stored` bytes, promised ones included."""
    return _(
        "The storage of your team is full: %(stored)s of %(limit)s. Remove photos you no longer "
        "need: those that no job used make room after %(days)d days. Or ask the operator for "
        "more room."
    ) % {
        "stored": filesizeformat(stored),
        "limit": filesizeformat(settings.TEAM_STORAGE_BYTES),
        "days": KEPT.days,
    }


def _is_in_use(asset: Asset) -> bool:
    """Whether a row of this app or one above points at the asset in a way that forbids deletion."""
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: asset}).exists()
        for relation in Asset._meta.get_fields(include_hidden=True)
        if isinstance(relation, ManyToOneRel) and relation.on_delete is PROTECT
    )


def _forget(asset: Asset) -> bool:
    """Delete the row and give its bytes back to the team, once, whoever else does the same."""
    with transaction.atomic():
        __, rows = Asset.objects.filter(pk=asset.pk).delete()
        if not rows.get(Asset._meta.label):
            return False
        team = Team.objects.filter(pk=asset.team_id, storage_bytes__gte=asset.bytes)
        if not team.update(storage_bytes=F("storage_bytes") - asset.bytes):
            logger.error("The stored bytes of team %s do not add up.", asset.team_id)
    return True
