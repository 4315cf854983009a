"""Copies of stored pictures: what pages show, what providers get; and the storing of results."""

from __future__ import annotations

import logging
import tempfile
import uuid
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.timezone import now

from catalog import limited
from catalog.limited import DecoderFailed, NotAPicture, Picture
from catalog.models import Asset, Product, Rendition
from catalog.storage import CONTENT_TYPES, EXTENSIONS, Missing, StorageError, storage
from teams.models import Team, User

logger = logging.getLogger(__name__)

#: What pages show: purpose to longest side in pixels. Two times what the layout needs.
SHOWN = {"thumb": 160, "card": 512, "screen": 1600}
#: A killed worker's renditions are begun again after this.
_LEASE = timedelta(minutes=4)
_RETRY = timedelta(minutes=1)


def make_renditions(asset_id: uuid.UUID | str) -> bool:
    """Make the pictures that pages show of an asset. Safe to call late, twice or never.

    True when this call made them. An original that cannot be decoded any more is shown as it is.
    """
    at = now()
    claimed = Asset.objects.filter(
        pk=asset_id, renditions_at=None, renditions_due_at__lte=at
    ).update(renditions_due_at=at + _LEASE)
    if not claimed:
        return False
    asset = Asset.objects.get(pk=asset_id)
    made: list[Rendition] = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            made = _shown_copies(asset, Path(folder))
    except (Missing, NotAPicture, DecoderFailed):
        logger.exception("No renditions can be made of asset %s.", asset.pk)
    except StorageError as error:
        logger.warning("The storage failed at the renditions of %s: %s", asset.pk, error.sentence)
        Asset.objects.filter(pk=asset.pk).update(renditions_due_at=now() + _RETRY)
        return False
    with transaction.atomic():
        for rendition in made:
            _keep(rendition)
        Asset.objects.filter(pk=asset.pk).update(renditions_at=now())
    return bool(made)


def fitted_copy(
    asset: Asset,
    *,
    max_side: int,
    max_bytes: int,
    formats: Sequence[str] = ("jpeg", "png", "webp"),
) -> Rendition:
    """Return the copy of a picture that fits a provider's limits; made once, then found again.

    `max_side` is pixels, `formats` what the provider takes. Raises NotAPicture, DecoderFailed,
    StorageError.
    """
    purpose = f"send-{max_side}px-{max_bytes}b"
    if len(formats) < len(EXTENSIONS):
        purpose += "-" + "".join(sorted(name[0] for name in formats))
    found = asset.renditions.filter(purpose=purpose).first()
    if found is not None:
        return found
    with tempfile.TemporaryDirectory() as name:
        source, to = Path(name) / "source", Path(name) / "fitted"
        storage().fetch(asset.key, source)
        picture = limited.fit_picture(
            source, to, max_side=max_side, max_bytes=max_bytes, formats=formats
        )
        rendition = _saved(asset, purpose, picture, to)
    return _keep(rendition)


def store_result(
    *,
    team: Team,
    product: Product | None,
    by: User | None,
    path: Path,
    name: str,
    key: str,
) -> Asset:
    """Decode a result that a provider delivered and store it; return its asset, not yet saved.

    The caller saves it, adds its bytes to the team and calls `request_renditions`, all in its own
    transaction. `key` may come with any extension or none: the file's real type decides. The same
    key may be stored again. Raises NotAPicture, DecoderFailed, StorageError.
    """
    picture = limited.inspect_picture(
        path, max_bytes=settings.UPLOAD_MAX_BYTES, max_pixels=settings.UPLOAD_MAX_PIXELS
    )
    stem, dot, extension = key.rpartition(".")
    if not dot or "/" in extension:
        stem = key
    extension = EXTENSIONS[picture.format]
    key = f"{stem}.{extension}"
    storage().save(key, path, content_type=CONTENT_TYPES[extension])
    return Asset(
        team=team,
        product=product,
        kind=Asset.Kind.RESULT,
        key=key,
        name=name[-200:],
        format=picture.format,
        bytes=picture.bytes,
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
        average_colour=picture.average_colour,
        created_by=by,
    )


def _shown_copies(asset: Asset, folder: Path) -> list[Rendition]:
    source = folder / "source"
    storage().fetch(asset.key, source)
    targets = [(folder / purpose, side) for purpose, side in SHOWN.items()]
    pictures = limited.make_renditions(source, targets)
    return [
        _saved(asset, to.name, picture, to)
        for (to, __), picture in zip(targets, pictures, strict=True)
    ]


def _saved(asset: Asset, purpose: str, picture: Picture, path: Path) -> Rendition:
    """Store a copy's file and describe it in a row that is not yet saved."""
    extension = EXTENSIONS[picture.format]
    key = f"t/{asset.team_id}/r/{asset.pk}/{purpose}.{extension}"
    storage().save(key, path, content_type=CONTENT_TYPES[extension])
    return Rendition(
        asset=asset,
        purpose=purpose,
        key=key,
        format=picture.format,
        bytes=picture.bytes,
        width=picture.width,
        height=picture.height,
        sha256=picture.sha256,
    )


def _keep(rendition: Rendition) -> Rendition:
    """Save the row; whoever made the same copy at the same time made the same file."""
    described = ("key", "format", "bytes", "width", "height", "sha256")
    kept, __ = Rendition.objects.update_or_create(
        asset=rendition.asset,
        purpose=rendition.purpose,
        defaults={name: getattr(rendition, name) for name in described},
    )
    return kept
