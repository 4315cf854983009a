"""How a fitted picture travels within an order, to a provider that takes no uploads."""

from __future__ import annotations

import base64

from catalog.models import Rendition
from catalog.services import picture_bytes, picture_link
from catalog.storage import Missing

MOST_BYTES = 3 * 1024 * 1024
"""The largest copy that is put into a request as data."""


def link_or_data(key: str, *, seconds: int) -> str:
    """A link that the provider may fetch for `seconds`, or the picture itself as a data URI.

    `key` is that of a fitted copy in our storage. Raises Missing where it is gone.
    """
    copy = Rendition.objects.filter(key=key).first()
    if copy is None:
        raise Missing("The copy of the picture is gone.")
    if link := picture_link(copy, seconds=seconds):
        return link
    data = base64.b64encode(picture_bytes(copy, max_bytes=MOST_BYTES)).decode()
    return f"data:image/{copy.format};base64,{data}"
