"""What people do with one photo of a product: take it away, bring it back, put it first, move it."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh, trigger_client_event

from catalog import services
from catalog.models import Asset
from teams.access import Right, team_view
from teams.http import TeamRequest


@team_view(Right.EDIT_CATALOG)
@require_POST
def photo_archive(request: TeamRequest, photo_id: uuid.UUID) -> HttpResponseBase:
    """Take a photo off its product. htmx gets an empty body and a toast with Undo."""
    photo = _photo(request, photo_id)
    try:
        services.archive_photo(photo=photo, by=request.user)
    except services.PhotoInUse as in_use:
        if request.htmx:
            return _toast(HttpResponse(status=204), str(in_use), "negative")
        messages.error(request, str(in_use))
        return _back(photo)
    text = _("“%(name)s” was removed.") % {"name": photo.name}
    if request.htmx:
        undo = reverse("catalog:photo_restore", args=[request.team.slug, photo.pk])
        response = _toast(HttpResponse(), text, "neutral", undo)
        return trigger_client_event(response, "photos-changed", after="settle")
    messages.success(request, text)
    return _back(photo)


@team_view(Right.EDIT_CATALOG)
@require_POST
def photo_restore(request: TeamRequest, photo_id: uuid.UUID) -> HttpResponseBase:
    """Bring back a photo that was removed."""
    photo = get_object_or_404(Asset.objects.photos().filter(team=request.team), pk=photo_id)
    if not services.restore_photo(photo=photo, by=request.user):
        messages.error(request, _("The same photo was uploaded again in the meantime."))
    return _done(request, photo)


@team_view(Right.EDIT_CATALOG)
@require_POST
def photo_primary(request: TeamRequest, photo_id: uuid.UUID) -> HttpResponseBase:
    """Make this the photo that stands for the product in lists."""
    photo = _photo(request, photo_id)
    services.set_primary_photo(photo=photo, by=request.user)
    return _done(request, photo)


@team_view(Right.EDIT_CATALOG)
@require_POST
def photo_move(request: TeamRequest, photo_id: uuid.UUID) -> HttpResponseBase:
    """Move a photo one place: `direction` is `left` or `right`."""
    photo = _photo(request, photo_id)
    services.move_photo(photo=photo, by=request.user, by_places=_places(request))
    return _done(request, photo)


def _places(request: TeamRequest) -> int:
    return -1 if request.POST.get("direction") == "left" else 1


def _photo(request: TeamRequest, photo_id: uuid.UUID) -> Asset:
    return get_object_or_404(Asset.objects.for_team(request.team).photos(), pk=photo_id)


def _back(photo: Asset) -> HttpResponse:
    assert photo.product is not None  # noqa: S101 - only results have none
    return redirect(photo.product)


def _done(request: TeamRequest, photo: Asset) -> HttpResponseBase:
    return HttpResponseClientRefresh() if request.htmx else _back(photo)


def _toast(response: HttpResponse, text: str, tone: str, undo_url: str = "") -> HttpResponse:
    toast = {"text": text, "tone": tone, "undo_url": undo_url}
    return trigger_client_event(response, "toast", toast)
