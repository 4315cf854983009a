"""Products, uploads, assets and their renditions."""

from __future__ import annotations

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext_lazy as _

from teams.models import Team, User


class ProductQuerySet(models.QuerySet["Product"]):
    """Reads of products; start from `for_team`."""

    def for_team(self, team: Team) -> ProductQuerySet:
        """Products of one team that were not archived."""
        return self.filter(team=team, archived_at=None)

    def archived_for_team(self, team: Team) -> ProductQuerySet:
        """Products of one team that were archived."""
        return self.filter(team=team, archived_at__isnull=False)

    def matching(self, words: str) -> ProductQuerySet:
        """Products whose name or SKU contains the words."""
        words = words.strip()
        return self.filter(Q(name__icontains=words) | Q(sku__icontains=words)) if words else self


class Product(models.Model):
    """A thing the team sells: name, SKU, category, photos."""

    class Category(models.TextChoices):
        TOPS = "tops", _("Tops")
        BOTTOMS = "bottoms", _("Bottoms")
        DRESSES = "dresses", _("Dresses and one-pieces")
        OUTERWEAR = "outerwear", _("Outerwear")
        SHOES = "shoes", _("Shoes")
        BAGS = "bags", _("Bags")
        ACCESSORIES = "accessories", _("Accessories")
        OTHER = "other", _("Other")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="products")
    name = models.CharField(_("name"), max_length=200)
    sku = models.CharField(_("SKU"), max_length=64, blank=True)
    category = models.CharField(
        _("category"), max_length=20, choices=Category, default=Category.OTHER
    )
    notes = models.TextField(_("notes"), blank=True, max_length=2000)
    primary_photo = models.ForeignKey(
        "Asset", models.SET_NULL, null=True, blank=True, related_name="+"
    )
    # Counters move in the transaction that changes what they count; lists never count rows.
    photo_count = models.PositiveIntegerField(default=0, editable=False)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                F("team"),
                Lower("sku"),
                condition=Q(archived_at=None) & ~Q(sku=""),
                name="catalog_product_sku_once_per_team",
            )
        ]
        indexes = [
            models.Index(fields=["team", "-created_at", "-id"], name="catalog_product_by_team"),
            models.Index("team", Lower("name"), "id", name="catalog_product_by_name"),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """The product's page."""
        return reverse("catalog:product_detail", args=[self.team.slug, self.pk])


class AssetQuerySet(models.QuerySet["Asset"]):
    """Reads of assets; start from `for_team`."""

    def for_team(self, team: Team) -> AssetQuerySet:
        """Pictures of one team that were not archived."""
        return self.filter(team=team, archived_at=None)

    def photos(self) -> AssetQuerySet:
        """Uploaded source photos."""
        return self.filter(kind=Asset.Kind.PHOTO)


class Asset(models.Model):
    """A stored picture or video that was decoded and found good. Its original file is private.

    `width` and `height` are pixels as people see it, turned as the file asks. Results alone can be
    videos; what stands here of them, and their renditions, show the first frame.
    """

    class Kind(models.TextChoices):
        PHOTO = "photo", _("Photo")
        RESULT = "result", _("Result")

    class Format(models.TextChoices):
        JPEG = "jpeg", "JPEG"
        PNG = "png", "PNG"
        WEBP = "webp", "WebP"
        MP4 = "mp4", "MP4"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.PROTECT, related_name="assets")
    product = models.ForeignKey(
        Product, models.PROTECT, null=True, blank=True, related_name="assets"
    )
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.PHOTO)
    key = models.CharField(max_length=200, unique=True, help_text=_("Where the file is stored."))
    name = models.CharField(max_length=200, help_text=_("File name as uploaded."))
    format = models.CharField(max_length=4, choices=Format)
    bytes = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    seconds = models.FloatField(null=True, blank=True, help_text=_("How long a video lasts."))
    sha256 = models.CharField(max_length=64)
    average_colour = models.CharField(max_length=7, default="#888888")
    position = models.PositiveIntegerField(default=0)
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    renditions_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When its thumbnails were made; empty: due.")
    )
    renditions_due_at = models.DateTimeField(default=now, editable=False)
    archived_at = models.DateTimeField(null=True, blank=True, editable=False)
    purge_due_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When a removed photo goes for good, if unused.")
    )

    objects = AssetQuerySet.as_manager()

    class Meta:
        ordering = ["position", "created_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["product", "sha256"],
                condition=Q(kind="photo", archived_at=None),
                name="catalog_asset_photo_once_per_product",
            ),
            models.CheckConstraint(
                condition=Q(width__gt=0, height__gt=0), name="catalog_asset_has_pixels"
            ),
            models.CheckConstraint(
                # Without asking for a value, NULL > 0 would pass: it is not false.
                condition=Q(format="mp4", seconds__isnull=False, seconds__gt=0)
                | (~Q(format="mp4") & Q(seconds=None)),
                name="catalog_asset_videos_last",
            ),
        ]
        indexes = [
            models.Index(fields=["team", "sha256"], name="catalog_asset_by_checksum"),
            models.Index(
                fields=["team", "kind", "-created_at", "-id"], name="catalog_asset_newest"
            ),
            models.Index(fields=["product", "kind", "position"], name="catalog_asset_by_product"),
            models.Index(
                fields=["renditions_due_at"],
                condition=Q(renditions_at=None),
                name="catalog_asset_renditions_due",
            ),
            models.Index(
                fields=["purge_due_at"],
                condition=Q(purge_due_at__isnull=False),
                name="catalog_asset_purge_due",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def is_video(self) -> bool:
        """Whether it moves."""
        return self.format == self.Format.MP4


class Rendition(models.Model):
    """A smaller or fitted copy of an asset: same picture, other bytes, no metadata.

    `purpose` is `thumb` (160), `card` (512), `screen` (1600; longest side in pixels) or, for a copy
    fitted to a provider's limits, a name such as `send-4096px-10485760b`, or of a mask
    `mask-3072x4096-10485760b`. Of a video there are the first three, and they show its first frame.
    """

    asset = models.ForeignKey(Asset, models.CASCADE, related_name="renditions")
    purpose = models.CharField(max_length=40)
    key = models.CharField(max_length=200, unique=True)
    format = models.CharField(max_length=4, choices=Asset.Format)
    bytes = models.PositiveBigIntegerField()
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()
    sha256 = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["asset", "purpose"], name="catalog_rendition_once_per_purpose"
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.asset_id}"


class Upload(models.Model):
    """A ticket for one file, from the browser's first word to a good asset or a refusal.

    issued -> received -> accepted | refused. A file counts only once `accepted` made its Asset.
    """

    class State(models.TextChoices):
        ISSUED = "issued", _("Uploading")
        RECEIVED = "received", _("Checking")
        ACCEPTED = "accepted", _("Uploaded")
        REFUSED = "refused", _("Refused")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    team = models.ForeignKey(Team, models.CASCADE, related_name="uploads")
    product = models.ForeignKey(Product, models.CASCADE, related_name="uploads")
    state = models.CharField(max_length=8, choices=State, default=State.ISSUED)
    name = models.CharField(max_length=200)
    bytes = models.PositiveBigIntegerField(help_text=_("Size the browser announced."))
    key = models.CharField(max_length=200, unique=True)
    error = models.CharField(max_length=300, blank=True)
    asset = models.ForeignKey(Asset, models.SET_NULL, null=True, blank=True, related_name="+")
    duplicate_of = models.ForeignKey(
        Asset, models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(default=now, editable=False)
    received_at = models.DateTimeField(null=True, editable=False)
    lease_until = models.DateTimeField(default=now, editable=False)
    attempts = models.PositiveSmallIntegerField(default=0, editable=False)
    ended_at = models.DateTimeField(null=True, editable=False)
    cleared_at = models.DateTimeField(
        null=True, editable=False, help_text=_("When its incoming file was removed for good.")
    )

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="catalog_upload_refusal_says_why",
                condition=Q(state="refused", error__gt="") | ~Q(state="refused"),
            ),
            models.CheckConstraint(
                name="catalog_upload_ended_iff_final",
                condition=Q(state__in=["accepted", "refused"], ended_at__isnull=False)
                | Q(state__in=["issued", "received"], ended_at__isnull=True),
            ),
        ]
        indexes = [
            models.Index(
                fields=["lease_until"],
                condition=Q(state="received"),
                name="catalog_upload_to_check",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(state="issued"),
                name="catalog_upload_unfinished",
            ),
            models.Index(
                fields=["ended_at"],
                condition=Q(cleared_at=None, ended_at__isnull=False),
                name="catalog_upload_to_clear",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Cut names that no file system would take."""
        self.name = self.name[-200:]
        super().save(*args, **kwargs)
