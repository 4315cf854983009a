"""Copies of stored pictures: what pages show, what providers get and how; the storing of results."""

from __future__ import annotations

import logging
import tempfile
import uuid
from collections.abc import Collection
from datetime import timedelta
from pathlib import Path
from typing import Literal

from django.db import transaction
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog import limited
from catalog.leases import LEASE, kept
from catalog.limited import DecoderFailed, NotAPicture, Picture
from catalog.models import Asset, Product, Rendition
from catalog.storage import (
    CONTENT_TYPES,
    EXTENSIONS,
    STILL_FORMATS,
    Missing,
    StorageError,
    TooLarge,
    has_public_links,
    storage,
)
from teams.models import Team, User

logger = logging.getLogger(__name__)

#: What pages show: purpose to longest side in pixels. Two times what the layout needs.
SHOWN = {"thumb": 160, "card": 512, "screen": 1600}
_RETRY = timedelta(minutes=1)


def make_renditions(asset_id: uuid.UUID | str) -> bool:
    """Make the pictures that pages show of an asset. Safe to call late, twice or never.

    True when this call made them. An original that cannot be decoded any more is shown as it is.
    """
    at = now()
    claimed = Asset.objects.filter(
        pk=asset_id, renditions_at=None, renditions_due_at__lte=at
    ).update(renditions_due_at=at + LEASE)
    if not claimed:
        return False
    asset = Asset.objects.get(pk=asset_id)
    mine = Asset.objects.filter(pk=asset.pk, renditions_at=None)
    made: list[Rendition] = []
    try:
        with kept(mine, "renditions_due_at"), tempfile.TemporaryDirectory() as folder:
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
    min_side: int = 1,
    formats: Collection[str] = STILL_FORMATS,
) -> Rendition:
    """Return the copy of a picture that fits a provider's limits; made once, then found again.

    Sides are pixels, `formats` what the provider takes. Raises NotAPicture, also where a side has
    less than `min_side`, DecoderFailed, StorageError.
    """
    purpose = f"send-{max_side}px-{max_bytes}b"
    if len(formats) < len(STILL_FORMATS):
        purpose += "-" + "".join(sorted(name[0] for name in formats))
    found = asset.renditions.filter(purpose=purpose).first()
    if found is not None and min(found.width, found.height) >= min_side:
        return found
    with tempfile.TemporaryDirectory() as name:
        source, to = Path(name) / "source", Path(name) / "fitted"
        storage().fetch(asset.key, source)
        picture = limited.fit_picture(
            source,
            to,
            max_side=max_side,
            max_bytes=max_bytes,
            min_side=min_side,
            formats=sorted(formats),
        )
        rendition = _saved(asset, purpose, picture, to)
    return _keep(rendition)


def fitted_mask(mask: Asset, *, size: tuple[int, int], max_bytes: int) -> Rendition:
    """Return a mask with exactly the pixels, `size`, of its picture's fitted copy; made once.

    PNG of one grey channel, black and white alone, by nearest neighbour. Raises NotAPicture,
    DecoderFailed, StorageError.
    """
    purpose = f"mask-{size[0]}x{size[1]}-{max_bytes}b"
    found = mask.renditions.filter(purpose=purpose).first()
    if found is not None:
        return found
    with tempfile.TemporaryDirectory() as name:
        source, to = Path(name) / "source", Path(name) / "fitted"
        storage().fetch(mask.key, source)
        rendition = _saved(
            mask, purpose, limited.fit_mask(source, to, size=size, max_bytes=max_bytes), to
        )
    return _keep(rendition)


def forget_copy(key: str) -> bool:
    """Drop the row of a copy whose file is gone, so that it is made anew when it is next asked for.

    True when there was one. The file of an original is no copy, whatever its key.
    """
    removed, __ = Rendition.objects.filter(key=key).delete()
    return bool(removed)


def check_mask(mask: Asset, of: Asset) -> str:
    """Say why a mask cannot go with its picture, in a sentence with the cure; "" where it can.

    The original must have the very pixels of the picture and be pure black and white, not all
    black. Raises DecoderFailed, StorageError.
    """
    if (mask.width, mask.height) != (of.width, of.height):
        return _(
            "The mask has %(mask_width)s by %(mask_height)s pixels and its picture %(width)s by "
            "%(height)s. Save the mask with exactly the size of the picture."
        ) % {
            "mask_width": mask.width,
            "mask_height": mask.height,
            "width": of.width,
            "height": of.height,
        }
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "mask"
        storage().fetch(mask.key, path)
        try:
            limited.inspect_mask(path)
        except NotAPicture as refusal:
            return refusal.sentence
    return ""


def picture_link(rendition: Rendition, seconds: int) -> str | None:
    """A link by which a provider can fetch a copy for so long; None where `has_public_links` is not."""
    return storage().url(rendition.key, seconds=seconds) if has_public_links() else None


def picture_bytes(rendition: Rendition, max_bytes: int) -> bytes:
    """The file of a copy, to be sent within a request. Raises TooLarge, Missing, StorageError."""
    if rendition.bytes > max_bytes:
        raise TooLarge(_("The file is too large."))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "copy"
        storage().fetch(rendition.key, path, max_bytes=max_bytes)
        return path.read_bytes()


def store_result(
    *,
    team: Team,
    product: Product | None,
    by: User | None,
    path: Path,
    name: str,
    key: str,
    media: Literal["image", "video"] = "image",
) -> Asset:
    """Decode a result that a provider delivered and store it; return its asset, not yet saved.

    A video is an MP4 file; its first frame is decoded and stands for it. The caller saves it, adds
    its bytes to the team and calls `request_renditions`, all in its own transaction. `key` may come
    with any extension or none: the file's real type decides. The same key may be stored again.
    Raises NotAPicture, DecoderFailed, StorageError.
    """
    if media == "video":
        picture = limited.inspect_video(path)
    else:
        picture = limited.inspect_picture(
            path, max_bytes=limited.MAX_RESULT_BYTES, max_pixels=limited.MAX_RESULT_PIXELS
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
        seconds=picture.seconds,
        sha256=picture.sha256,
        average_colour=picture.average_colour,
        created_by=by,
    )


def _shown_copies(asset: Asset, folder: Path) -> list[Rendition]:
    source = folder / "source"
    storage().fetch(asset.key, source)
    targets = [(folder / purpose, side) for purpose, side in SHOWN.items()]
    make = limited.make_poster_renditions if asset.is_video else limited.make_renditions
    pictures = make(source, targets)
    return [
        _saved(asset, to.name, picture, to)
        for (to, _side), picture in zip(targets, pictures, strict=True)
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
