"""What operators may look at of the catalog. Nothing is changed here: pages and services do that."""

from __future__ import annotations

from django.contrib import admin

from catalog.models import Asset, Product, Upload
from teams.admin import ReadOnlyAdmin


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    """Products of all teams."""

    list_display = ["name", "sku", "team", "photo_count", "created_at", "archived_at"]
    list_select_related = ["team"]
    search_fields = ["name", "sku", "team__name"]


@admin.register(Asset)
class AssetAdmin(ReadOnlyAdmin):
    """Stored pictures, without a way to see them: they are the team's."""

    list_display = ["name", "team", "kind", "format", "width", "height", "bytes", "created_at"]
    list_filter = ["kind", "format"]
    list_select_related = ["team"]
    search_fields = ["name", "sha256", "key", "team__name"]


@admin.register(Upload)
class UploadAdmin(ReadOnlyAdmin):
    """Uploads and why they were refused."""

    list_display = ["name", "team", "state", "error", "attempts", "created_at"]
    list_filter = ["state"]
    list_select_related = ["team"]
    search_fields = ["name", "team__name"]
