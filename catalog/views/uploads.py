"""The upload conversation of a page's script: ticket, done, status. JSON in, JSON out."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta
from typing import Any

from django.http import JsonResponse
from django.shortcuts import get_object_or_404
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from catalog import services
from catalog.models import Product, Upload
from catalog.words import clean_text
from teams.access import Right, team_view
from teams.http import TeamRequest
from teams.rates import rate_limited

#: Tickets a person may take per minute; a folder of photos needs about three per second.
TICKETS_PER_MINUTE = 300
#: An accepted photo is shown once its small pictures are made, or after this.
_WAIT_FOR_RENDITIONS = timedelta(seconds=10)


@team_view(Right.EDIT_CATALOG)
@require_POST
def upload_create(request: TeamRequest, product_id: uuid.UUID) -> JsonResponse:
    """Hand out a ticket for one file: `{name, size, type}` to `{id, url, fields, method, …}`.

    Answers 422 with `{error}` where the file cannot be taken, before a byte of it was sent, and 400
    where the question makes no sense.
    """
    product = get_object_or_404(Product.objects.for_team(request.team), pk=product_id)
    if rate_limited(request, "upload", TICKETS_PER_MINUTE, 60):
        return _refused(_("These are many files at once. Try again in a minute."), 429)
    try:
        name, size = _asked_upload(request.body)
    except ValueError:
        return _refused(
            _("The page sent something this server does not understand. Reload it."), 400
        )
    try:
        upload, ticket = services.start_upload(
            product=product, by=request.user, name=name, bytes_=size
        )
    except services.UploadRefused as refused:
        return _refused(refused.sentence)
    team = request.team.slug
    return JsonResponse(
        {
            "id": str(upload.pk),
            "url": ticket.url,
            "fields": ticket.fields,
            "method": ticket.method,
            "done_url": reverse("catalog:upload_done", args=[team, upload.pk]),
            "status_url": reverse("catalog:upload_status", args=[team, upload.pk]),
        },
        status=201,
    )


@team_view(Right.EDIT_CATALOG)
@require_POST
def upload_done(request: TeamRequest, upload_id: uuid.UUID) -> JsonResponse:
    """The browser says that the file has arrived. Saying it twice does no harm."""
    upload = _upload(request, upload_id)
    services.finish_upload(upload)
    return JsonResponse(_described(request, _upload(request, upload_id)))


@team_view(Right.EDIT_CATALOG)
@require_GET
def upload_status(request: TeamRequest, upload_id: uuid.UUID) -> JsonResponse:
    """Where an upload stands: `{state, label, error, duplicate, tile_html}`."""
    return JsonResponse(_described(request, _upload(request, upload_id)))


def _asked_upload(body: bytes) -> tuple[str, int]:
    """Name and bytes of the announced file. Raises ValueError for anything else."""
    try:
        told = json.loads(body)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    name = told.get("name") if isinstance(told, dict) else None
    size = told.get("size") if isinstance(told, dict) else None
    # A bool is an int to Python; 1e999 and NaN are floats.
    if not isinstance(name, str) or type(size) is not int:
        raise ValueError("no name and size")
    return clean_text(name), size


def _upload(request: TeamRequest, upload_id: uuid.UUID) -> Upload:
    uploads = Upload.objects.select_related("product", "asset", "duplicate_of__product")
    return get_object_or_404(uploads, team=request.team, pk=upload_id)


def _described(request: TeamRequest, upload: Upload) -> dict[str, Any]:
    state, asset = Upload.State(upload.state), upload.asset
    # Else the tile would load an original of many megabytes to show a card.
    made = asset is None or asset.renditions_at is not None
    if not made and upload.ended_at and now() < upload.ended_at + _WAIT_FOR_RENDITIONS:
        state, asset = Upload.State.RECEIVED, None
    duplicate = None
    if upload.duplicate_of is not None:
        product = upload.duplicate_of.product
        duplicate = {
            "name": upload.duplicate_of.name,
            "url": reverse("catalog:product_detail", args=[request.team.slug, product.pk])
            if product
            else "",
            "product": product.name if product else "",
        }
    tile = None
    if asset is not None:
        context = {"photo": asset, "product": upload.product, "team": request.team}
        tile = render_to_string("catalog/_photo_tile.html", context, request=request)
    return {
        "state": state.value,
        "label": str(state.label),
        "error": upload.error,
        "duplicate": duplicate,
        "tile_html": tile,
    }


def _refused(sentence: str, status: int = 422) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=status)
