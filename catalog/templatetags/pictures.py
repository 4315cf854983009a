"""Links to stored pictures: `{% asset_url asset "card" %}` shows, `{% asset_download_url asset %}` fetches."""

from __future__ import annotations

from django import template

from catalog.models import Asset
from catalog.renditions import SHOWN
from catalog.storage import storage

register = template.Library()


@register.simple_tag
def asset_url(asset: Asset | None, purpose: str = "card") -> str:
    """Link to a rendition (`thumb`, `card`, `screen`) or `original`; "" for no asset.

    Where it is not made yet, the next larger one is linked, else the original; of a video "", since
    the original is no picture. Lists should prefetch `renditions`.
    """
    if asset is None:
        return ""
    least = SHOWN.get(purpose)
    if least is not None:
        made = {rendition.purpose: rendition.key for rendition in asset.renditions.all()}
        for name, side in SHOWN.items():
            if side >= least and name in made:
                return storage().url(made[name])
        if asset.is_video:
            return ""
    return storage().url(asset.key)


@register.simple_tag
def asset_download_url(asset: Asset) -> str:
    """Link by which the original is downloaded under the name it came with."""
    stem = asset.name.rpartition(".")[0] or asset.name
    return storage().url(asset.key, filename=f"{stem}.{asset.key.rpartition('.')[2]}")
