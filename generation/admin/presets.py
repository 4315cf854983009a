"""The providers' models, scenes and backgrounds as last seen."""

from __future__ import annotations

from django.contrib import admin

from generation.models import Preset
from teams.admin import ReadOnlyAdmin


@admin.register(Preset)
class PresetAdmin(ReadOnlyAdmin):
    """Preset materials of all accounts."""

    list_display = ("name", "kind", "account", "remote_id", "seen_at", "withdrawn_at")
    list_filter = ("kind", "account")
    search_fields = ("name", "remote_id")
    list_select_related = ("account",)
