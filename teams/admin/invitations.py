"""Invitations to teams, to look at."""

from __future__ import annotations

from django.contrib import admin

from teams.admin.read_only import ReadOnlyAdmin
from teams.models import Invitation


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    """Invitations and what became of them. Their links are kept nowhere."""

    list_display = (
        "email",
        "team",
        "role",
        "created_at",
        "expires_at",
        "accepted_at",
        "revoked_at",
    )
    search_fields = ("email", "team__slug")
    list_select_related = ("team",)
    exclude = ("secret_hash",)
