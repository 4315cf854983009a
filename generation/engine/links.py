"""How fitted pictures travel within an order, to a provider that takes no uploads."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from django.utils.translation import gettext as _

from catalog.models import Rendition
from catalog.services import picture_bytes, picture_link
from catalog.storage import Missing, TooLarge, storage

BODY_BYTES = 2_900_000
"""Bytes of pictures in one request: below 4 MB as base64 (ASSUMED, FASHN names no limit)."""

LINK_SECONDS = 3600
"""How long a provider may fetch a picture by the link that it was sent."""


def links_or_data(keys: Mapping[str, str]) -> dict[str, str]:
    """For each key of a fitted copy in our storage a link to fetch it by, or the file as data URI.

    Raises Missing where a copy is gone, TooLarge where there are no links and all together are more
    than one request carries, StorageError.
    """
    copies = {copy.key: copy for copy in Rendition.objects.filter(key__in=set(keys.values()))}
    found: dict[str, str] = {}
    left = BODY_BYTES
    for name, key in keys.items():
        copy = copies.get(key)
        if copy is None:
            raise Missing(_("The copy of the picture is gone."))
        link = picture_link(copy, LINK_SECONDS)
        if link is None:
            left -= copy.bytes
            if left < 0:
                raise TooLarge(_("The pictures are too large for one request."))
            data = base64.b64encode(picture_bytes(copy, BODY_BYTES)).decode()
            link = f"data:image/{copy.format};base64,{data}"
        elif storage().size(key) is None:
            # The provider would find nothing there and fail the task.
            raise Missing(_("The copy of the picture is gone."))
        found[name] = link
    return found
