"""Jobs of FASHN's offers for tests of the engine."""

from __future__ import annotations

import uuid
from typing import Any

from catalog.models import Asset
from generation.models import Job, Preset
from generation.services import launch_job
from teams.models import Team
from tests.factories import make_photo, make_product, owner_of


def launch_fashn(
    team: Team,
    operation: str = "swap_model",
    *,
    offer: str = "fashn",
    photo: Asset | None = None,
    inputs: dict[str, Asset | Preset] | None = None,
    **options: Any,
) -> Job:
    """Launch an operation at FASHN; of one photo, unless other inputs are given."""
    photo = photo or make_photo(make_product(team), size=(240, 300), with_renditions=False)
    name = "model_image" if operation in ("swap_model", "try_on") else "image"
    return launch_job(
        team=team,
        by=owner_of(team),
        operation=operation,
        offer=offer,
        request_key=uuid.uuid4(),
        product=photo.product,
        inputs={name: photo} if inputs is None else inputs,
        options=options,
    )
