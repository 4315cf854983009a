"""What operators may look at of the catalog. Nothing is changed here: pages and services do that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin
from django.http import HttpRequest

from catalog.models import Asset, Product, Upload

if TYPE_CHECKING:  # Django's admin takes no parameter at run time.
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _ModelAdmin = admin.ModelAdmin


class ReadOnlyAdmin(_ModelAdmin):
    """Rows to look at."""

    list_per_page = 50
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody."""
        return False


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
