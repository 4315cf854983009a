"""What people do with products and photos, and the sweep that brings forgotten work back.

What the workers do to a file stands in `checking.py` and `renditions.py`; the names that other
apps need of them are here too.
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.timezone import now
from django.utils.translation import gettext as _

from catalog import tasks
from catalog.checking import MAX_ATTEMPTS, check_upload, refuse, stored_keys
from catalog.models import Asset, AssetQuerySet, Product, Upload
from catalog.purging import KEPT, purge_removed, storage_is_full
from catalog.renditions import (
    check_mask,
    fitted_copy,
    fitted_mask,
    forget_copy,
    picture_bytes,
    picture_link,
    store_result,
)
from catalog.storage import INCOMING_TYPE, StorageError, Ticket, storage
from teams.models import Team, User

__all__ = [
    "PhotoInUse",
    "SkuTaken",
    "UploadRefused",
    "archive_photo",
    "archive_product",
    "check_mask",
    "check_upload",
    "create_product",
    "finish_upload",
    "fitted_copy",
    "fitted_mask",
    "forget_copy",
    "move_photo",
    "photo_guards",
    "picture_bytes",
    "picture_link",
    "request_renditions",
    "restore_photo",
    "restore_product",
    "set_primary_photo",
    "start_upload",
    "store_result",
    "sweep_catalog",
    "update_product",
]

logger = logging.getLogger(__name__)

#: Asked before a photo is taken away; a sentence forbids it, "" allows it. The apps above add theirs.
photo_guards: list[Callable[[Asset], str]] = []

TICKET_SECONDS = 15 * 60
#: Uploads that were never finished are forgotten after this.
_UNFINISHED = timedelta(hours=24)
#: How long a hint may take before the sweep sends another.
_PATIENCE = timedelta(seconds=20)
_SWEEP_BATCH = 100


class SkuTaken(Exception):
    """Another product of the team has this SKU; the text says so to a person."""

    def __init__(self, sku: str) -> None:
        super().__init__(_("Another product of your team has the SKU %(sku)s.") % {"sku": sku})


class PhotoInUse(Exception):
    """Something unfinished works with this photo; the text says so to a person."""


class UploadRefused(Exception):
    """A file that is not taken; `sentence` tells a person why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def create_product(
    *,
    team: Team,
    by: User | None,
    name: str,
    sku: str = "",
    category: str = Product.Category.OTHER,
    notes: str = "",
) -> Product:
    """Create a product. Raises SkuTaken."""
    product = Product(
        team=team, name=name.strip(), sku=sku.strip(), category=category, notes=notes, created_by=by
    )
    return _saved(product)


def update_product(*, product: Product, by: User | None, **changes: Any) -> Product:
    """Change what a person may say of a product: name, sku, category, notes. Raises SkuTaken."""
    unknown = set(changes) - {"name", "sku", "category", "notes"}
    if unknown:
        raise TypeError(f"update_product() does not change {', '.join(sorted(unknown))}")
    for name, value in changes.items():
        setattr(product, name, value.strip() if name in {"name", "sku"} else value)
    return _saved(product, update_fields=[*changes, "updated_at"])


def archive_product(*, product: Product, by: User | None) -> None:
    """Take a product off all lists. Its photos and results stay, and it can be restored."""
    Product.objects.filter(pk=product.pk, archived_at=None).update(archived_at=now())
    product.refresh_from_db()


def restore_product(*, product: Product, by: User | None) -> None:
    """Bring an archived product back. Raises SkuTaken."""
    product.archived_at = None
    _saved(product, update_fields=["archived_at"])


def _saved(product: Product, **options: Any) -> Product:
    try:
        with transaction.atomic():
            product.save(**options)
    except IntegrityError:
        others = Product.objects.for_team(product.team).exclude(pk=product.pk)
        if product.sku and others.filter(sku__iexact=product.sku).exists():
            raise SkuTaken(product.sku) from None
        raise
    return product


def archive_photo(*, photo: Asset, by: User | None) -> None:
    """Take a photo off its product; the next one becomes primary. Raises PhotoInUse.

    Results made from it keep their original; a photo that no job used can be restored for
    `KEPT` and is then purged by the sweep. Twice does no harm.
    """
    for guard in photo_guards:
        if sentence := guard(photo):
            raise PhotoInUse(sentence)
    at = now()
    with transaction.atomic():
        product = _locked_product(photo)
        here = Asset.objects.filter(pk=photo.pk, archived_at=None)
        if not here.update(archived_at=at, purge_due_at=at + KEPT):
            return
        product.photo_count -= 1
        if product.primary_photo_id == photo.pk:
            product.primary_photo = _photos(product).first()
        product.save(update_fields=["photo_count", "primary_photo", "updated_at"])


def restore_photo(*, photo: Asset, by: User | None) -> bool:
    """Undo `archive_photo`; False if the same photo came again meanwhile, or it is too late."""
    try:
        with transaction.atomic():
            product = _locked_product(photo)
            # A photo that is due may have lost its files already.
            back = Asset.objects.filter(pk=photo.pk, purge_due_at__gt=now())
            if not back.update(archived_at=None, purge_due_at=None):
                return Asset.objects.filter(pk=photo.pk, archived_at=None).exists()
            product.photo_count += 1
            product.primary_photo = product.primary_photo or photo
            product.save(update_fields=["photo_count", "primary_photo", "updated_at"])
    except IntegrityError:
        return False
    return True


def set_primary_photo(*, photo: Asset, by: User | None) -> None:
    """Let this photo stand for its product in lists."""
    with transaction.atomic():
        product = _locked_product(photo)
        if _photos(product).filter(pk=photo.pk).exists():
            product.primary_photo = photo
            product.save(update_fields=["primary_photo", "updated_at"])


def move_photo(*, photo: Asset, by: User | None, by_places: int) -> None:
    """Move a photo to the left (negative) or right among its product's photos."""
    with transaction.atomic():
        product = _locked_product(photo)
        photos = list(_photos(product))
        if photo not in photos:
            return
        place = photos.index(photo) + by_places
        photos.remove(photo)
        photos.insert(max(0, place), photo)
        for position, each in enumerate(photos):
            each.position = position
        Asset.objects.bulk_update(photos, ["position"])


def _photos(product: Product) -> AssetQuerySet:
    return Asset.objects.photos().filter(product=product, archived_at=None)


def _locked_product(photo: Asset) -> Product:
    """The product of a photo, for the rest of the transaction nobody else's to change.

    Always the first lock, before any row of a photo: whoever takes them the other way round
    deadlocks with this. Found without a join, which would lock the photo as well.
    """
    return Product.objects.select_for_update().get(pk=cast(uuid.UUID, photo.product_id))


def start_upload(
    *, product: Product, by: User | None, name: str, bytes_: int
) -> tuple[Upload, Ticket]:
    """Open an upload and hand out its ticket. Raises UploadRefused for size and storage.

    What the browser says of the type is not judged: only the content tells, once it is here.
    """
    if bytes_ <= 0:
        raise UploadRefused(_("This file is empty."))
    if bytes_ > settings.UPLOAD_MAX_BYTES:
        raise UploadRefused(
            _("This file has %(have)s MB. Diptych takes up to %(limit)s MB.")
            % {"have": -(-bytes_ // 2**20), "limit": settings.UPLOAD_MAX_BYTES // 2**20}
        )
    team = product.team
    _refuse_if_full(team, bytes_)
    upload = Upload(team=team, product=product, name=_file_name(name), bytes=bytes_, created_by=by)
    upload.key = f"t/{team.pk}/in/{upload.pk}"
    try:
        ticket = storage().ticket(
            upload.key, max_bytes=bytes_, content_type=INCOMING_TYPE, seconds=TICKET_SECONDS
        )
    except StorageError as error:
        logger.exception("No upload ticket can be made.")
        raise UploadRefused(_("The storage does not answer. Try again in a minute.")) from error
    upload.save()
    return upload, ticket


def finish_upload(upload: Upload) -> None:
    """Note that the file has arrived, and have it checked. Twice does no harm."""
    at = now()
    received = Upload.objects.filter(pk=upload.pk, state=Upload.State.ISSUED).update(
        state=Upload.State.RECEIVED, received_at=at, lease_until=at
    )
    if received:
        _hint_check(upload.pk)


def request_renditions(asset: Asset) -> None:
    """Have the pictures that pages show of an asset made, once the transaction is committed."""
    key = str(asset.pk)
    transaction.on_commit(lambda: tasks.make_renditions.delay(key), robust=True)


def sweep_catalog(at: datetime) -> None:
    """Derive due work from the rows again, whatever was lost, and drop what nobody needs.

    Cheap when there is nothing to do. Removes no file of an asset but those of photos that people
    removed long ago.
    """
    received = Upload.objects.filter(state=Upload.State.RECEIVED)
    late = received.filter(lease_until__lte=at - _PATIENCE)
    for upload in late.filter(attempts__gte=MAX_ATTEMPTS)[:_SWEEP_BATCH]:
        refuse(upload, _("The server could not check this file. Upload it again."))
    for upload in late.filter(attempts__lt=MAX_ATTEMPTS)[:_SWEEP_BATCH]:
        # Moving the date keeps the next sweep from hinting again; who claims may still do so.
        if received.filter(pk=upload.pk, lease_until=upload.lease_until).update(lease_until=at):
            _hint_check(upload.pk)
    plain = Asset.objects.filter(renditions_at=None, renditions_due_at__lte=at - _PATIENCE)
    for asset in plain[:_SWEEP_BATCH]:
        due = plain.filter(pk=asset.pk, renditions_due_at=asset.renditions_due_at)
        if due.update(renditions_due_at=at):
            request_renditions(asset)
    try:
        _drop_unfinished(at)
        _clear_ended(at)
        purge_removed(at)
        storage().tidy()
    except StorageError as error:
        logger.warning("The storage failed at the sweep: %s", error.sentence)


def _hint_check(upload_id: uuid.UUID) -> None:
    key = str(upload_id)
    transaction.on_commit(lambda: tasks.check_upload.delay(key), robust=True)


def _refuse_if_full(team: Team, more: int) -> None:
    """Count what is stored and what has been promised. The last word is said at acceptance."""
    limit = settings.TEAM_STORAGE_BYTES
    if not limit:
        return
    open_states = [Upload.State.ISSUED, Upload.State.RECEIVED]
    promised = Upload.objects.filter(team=team, state__in=open_states).aggregate(sum=Sum("bytes"))
    stored = Team.objects.values_list("storage_bytes", flat=True).get(pk=team.pk)
    taken = stored + (promised["sum"] or 0)
    if taken + more > limit:
        raise UploadRefused(storage_is_full(taken))


def _file_name(told: str) -> str:
    """The last part of a path, without characters that are none. Only ever shown, never a path."""
    name = told.replace("\\", "/").rpartition("/")[2]
    name = "".join(letter for letter in name if letter.isprintable()).strip()
    return name[-200:] or _("photo")


def _drop_unfinished(at: datetime) -> None:
    """Forget tickets that were never used up. The file goes first: a row can be found again."""
    stale = Upload.objects.filter(state=Upload.State.ISSUED, created_at__lte=at - _UNFINISHED)
    for upload in stale[:_SWEEP_BATCH]:
        storage().delete(upload.key)
        stale.filter(pk=upload.pk).delete()


def _clear_ended(at: datetime) -> None:
    """Remove what came by a ticket after its upload had ended, once the ticket is over."""
    over = at - timedelta(seconds=4 * TICKET_SECONDS)
    ended = Upload.objects.filter(cleared_at=None, ended_at__lte=at, created_at__lte=over)
    for upload in ended[:_SWEEP_BATCH]:
        storage().delete(upload.key)
        if upload.state == Upload.State.REFUSED:
            for key in stored_keys(upload):
                storage().delete(key)
        Upload.objects.filter(pk=upload.pk).update(cleared_at=at)
