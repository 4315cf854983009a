"""Judges an uploaded file: what becomes an asset, what is refused and why. Runs in the worker.

The row is the truth. A check is claimed by one conditional UPDATE with a short lease that is renewed
while the work lasts, and the verdict is written in one transaction. So a crash anywhere leaves the
upload to be checked again soon, with no half-written row and no counted file.
"""

from __future__ import annotations

import logging
import tempfile
import uuid
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.db.models.functions import Coalesce
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog import limited
from catalog.leases import LEASE, kept
from catalog.limited import DecoderFailed, NotAPicture, Picture
from catalog.models import Asset, Product, Upload
from catalog.purging import storage_is_full
from catalog.storage import (
    CONTENT_TYPES,
    EXTENSIONS,
    STILL_FORMATS,
    Missing,
    StorageError,
    TooLarge,
    storage,
)
from teams.models import Team

logger = logging.getLogger(__name__)

MAX_ATTEMPTS = 5
_RETRY = timedelta(seconds=20)
#: A picture that ends its decoder twice will end it a third time.
_MAX_DECODER_FAILURES = 2


class _Refused(Exception):
    """The verdict on a file; `duplicate_of` is the same photo, if that is the reason."""

    def __init__(self, sentence: str, duplicate_of: Asset | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.duplicate_of = duplicate_of


def check_upload(upload_id: uuid.UUID | str) -> Asset | None:
    """Check one received file. Safe to call late, twice or never.

    Returns the asset that this call made, else None: refused, not due, or put off.
    """
    upload = _claim(upload_id)
    if upload is None:
        return None
    mine = Upload.objects.filter(
        pk=upload.pk, state=Upload.State.RECEIVED, attempts=upload.attempts
    )
    try:
        with kept(mine, "lease_until"):
            asset = _check(upload)
    except _Refused as refused:
        refuse(upload, refused.sentence, refused.duplicate_of)
        return None
    except StorageError as error:
        logger.warning("The storage failed at upload %s: %s", upload.pk, error.sentence)
        _put_off(upload)
        return None
    except DecoderFailed as failed:
        if upload.attempts >= _MAX_DECODER_FAILURES:
            refuse(upload, failed.sentence)
        else:
            _put_off(upload)
        return None
    _remove(upload.key)
    return asset


def refuse(upload: Upload, sentence: str, duplicate_of: Asset | None = None) -> None:
    """End an upload with the sentence that says why, unless it ended meanwhile."""
    ended = Upload.objects.filter(pk=upload.pk, state=Upload.State.RECEIVED).update(
        state=Upload.State.REFUSED,
        error=sentence[:300],
        duplicate_of=duplicate_of,
        ended_at=now(),
    )
    if ended:
        for key in (upload.key, *stored_keys(upload)):
            _remove(key)


def stored_keys(upload: Upload) -> list[str]:
    """Where the checked file of an upload may lie. Its name was never on a ticket.

    A ticket's own key could be written again while the ticket lasts, so nothing is kept there.
    """
    stem = f"t/{upload.team_id}/src/{upload.pk}"
    return [f"{stem}.{EXTENSIONS[format_]}" for format_ in STILL_FORMATS]


def _claim(upload_id: uuid.UUID | str) -> Upload | None:
    at = now()
    claimed = Upload.objects.filter(
        pk=upload_id,
        state=Upload.State.RECEIVED,
        lease_until__lte=at,
        attempts__lt=MAX_ATTEMPTS,
    ).update(lease_until=at + LEASE, attempts=F("attempts") + 1)
    if not claimed:
        return None
    return Upload.objects.select_related("team", "product", "created_by").get(pk=upload_id)


def _put_off(upload: Upload) -> None:
    """Let the sweep bring it again in a while."""
    Upload.objects.filter(pk=upload.pk, state=Upload.State.RECEIVED).update(
        lease_until=now() + _RETRY
    )


def _check(upload: Upload) -> Asset | None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "picture"
        try:
            storage().fetch(upload.key, path, max_bytes=upload.bytes)
            if path.stat().st_size < upload.bytes:
                raise _Refused(_("The file did not arrive whole. Upload it again."))
            picture = limited.inspect_picture(
                path,
                max_bytes=settings.UPLOAD_MAX_BYTES,
                max_pixels=settings.UPLOAD_MAX_PIXELS,
            )
        except Missing:
            raise _Refused(_("The file did not arrive. Upload it again.")) from None
        except TooLarge:
            raise _Refused(
                _("More bytes arrived than were announced. Upload the file again.")
            ) from None
        except NotAPicture as refusal:
            raise _Refused(refusal.sentence) from None
        _refuse_duplicate(upload, picture)
        extension = EXTENSIONS[picture.format]
        key = f"t/{upload.team_id}/src/{upload.pk}.{extension}"
        storage().save(key, path, content_type=CONTENT_TYPES[extension])
    try:
        with transaction.atomic():
            return _accept(upload, picture, key)
    except IntegrityError:  # The same photo came in twice at the same moment.
        _refuse_duplicate(upload, picture)
        raise


def _refuse_duplicate(upload: Upload, picture: Picture) -> None:
    same = (
        Asset.objects.for_team(upload.team)
        .photos()
        .filter(product_id=upload.product_id, sha256=picture.sha256)
        .first()
    )
    if same is not None:
        raise _Refused(
            _("Already here: this is the same photo as “%(name)s”.") % {"name": same.name[:200]},
            same,
        )


def _accept(upload: Upload, picture: Picture, key: str) -> Asset | None:
    """Make the asset and move all counters; None when another worker was first.

    Everything here is in the caller's transaction. Raises _Refused, IntegrityError.
    """
    at = now()
    mine = Upload.objects.filter(pk=upload.pk, state=Upload.State.RECEIVED).update(
        state=Upload.State.ACCEPTED, ended_at=at
    )
    if not mine:
        return None
    teams = Team.objects.filter(pk=upload.team_id)
    if settings.TEAM_STORAGE_BYTES:
        teams = teams.filter(storage_bytes__lte=settings.TEAM_STORAGE_BYTES - picture.bytes)
    if not teams.update(storage_bytes=F("storage_bytes") + picture.bytes):
        stored = Team.objects.values_list("storage_bytes", flat=True).get(pk=upload.team_id)
        raise _Refused(storage_is_full(stored))
    Product.objects.filter(pk=upload.product_id).update(photo_count=F("photo_count") + 1)
    photos = Asset.objects.for_team(upload.team).photos()
    elsewhere = photos.filter(sha256=picture.sha256).first()
    place = _make_place(upload)
    asset = Asset.objects.create(
        team_id=upload.team_id,
        product_id=upload.product_id,
        kind=Asset.Kind.PHOTO,
        key=key,
        name=upload.name,
        format=picture.format,
        bytes=picture.bytes,
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
        average_colour=picture.average_colour,
        position=place,
        created_by_id=upload.created_by_id,
    )
    product = Product.objects.filter(pk=upload.product_id)
    product.update(primary_photo=Coalesce("primary_photo", asset.pk), updated_at=at)
    if place == 0:
        # The one that stood first only because its check ended sooner makes room here, too.
        product.filter(primary_photo__position=1).update(primary_photo=asset)
    Upload.objects.filter(pk=upload.pk).update(asset=asset, duplicate_of=elsewhere)
    return asset


def _make_place(upload: Upload) -> int:
    """The position of this photo: behind all but those whose tickets are younger, which move on.

    So photos stand in the order in which they were chosen, whichever check ends first. The row of
    the product is locked by the caller's counting.
    """
    photos = Asset.objects.photos().filter(product_id=upload.product_id)
    younger = Upload.objects.filter(
        product_id=upload.product_id, asset__isnull=False, created_at__gt=upload.created_at
    )
    before = photos.filter(archived_at=None).exclude(pk__in=younger.values("asset"))
    last = before.aggregate(last=Max("position"))["last"]
    place = 0 if last is None else int(last) + 1
    photos.filter(position__gte=place).update(position=F("position") + 1)
    return place


def _remove(key: str) -> None:
    """Drop a file that nothing points at; the sweep does it later if the storage fails now."""
    try:
        storage().delete(key)
    except StorageError as error:
        logger.warning("The storage could not remove %s: %s", key, error.sentence)
